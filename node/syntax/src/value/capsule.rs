//! Rust values that travel through the language.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Value;

/// A Rust value that components hand each other: a receiver, a list of targets, rules.
///
/// ```
/// use std::sync::Arc;
/// use syntax::{Capsule, Value};
///
/// #[derive(Debug)]
/// struct Receiver;
/// impl Capsule for Receiver {
///     fn type_name() -> &'static str { "MetricsReceiver" }
/// }
///
/// let value = Value::capsule(Arc::new(Receiver));
/// assert_eq!(value.to_string(), "capsule(\"MetricsReceiver\")");
/// ```
pub trait Capsule: Any + fmt::Debug + Send + Sync {
    /// What messages and the reference call this type.
    fn type_name() -> &'static str
    where
        Self: Sized;

    /// Whether two are equal; one is always equal to itself.
    fn equals(&self, _other: &dyn Capsule) -> bool {
        false
    }

    /// The plain value this stands for, if it stands for one: a target stands for an object, a
    /// list of targets for an array of objects. It is built only where an expression looks
    /// inside, so that large lists pass from component to component untouched.
    fn plain(&self) -> Option<Value> {
        None
    }

    /// Whether it counts as nothing, which `coalesce` passes over. A capsule that stands for a
    /// large list answers without building it.
    fn is_zero(&self) -> bool {
        self.plain().is_some_and(|plain| plain.is_zero())
    }

    /// One list of all `parts`, if it can be made without looking inside; `array.concat` asks
    /// before it builds plain values. This is one of the parts, the first that is a capsule; what
    /// stands before it are plain lists.
    fn concat(&self, _parts: &[Value]) -> Option<Value> {
        None
    }
}

/// A capsule as a value.
#[derive(Clone)]
pub struct CapsuleValue {
    name: &'static str,
    inner: Arc<dyn Capsule>,
}

impl CapsuleValue {
    /// Wraps a Rust value.
    pub fn new<T: Capsule>(value: Arc<T>) -> Self {
        Self { name: T::type_name(), inner: value }
    }

    /// What messages call its type.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What is inside.
    pub fn inner(&self) -> &dyn Capsule {
        &*self.inner
    }

    /// The Rust value, if it is of that type.
    pub fn downcast<T: Capsule>(&self) -> Option<Arc<T>> {
        let any: Arc<dyn Any + Send + Sync> = self.inner.clone();
        any.downcast().ok()
    }

    /// The plain value it stands for, if it stands for one.
    pub fn plain(&self) -> Option<Value> {
        self.inner.plain()
    }
}

impl fmt::Debug for CapsuleValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capsule({:?})", self.name)
    }
}

impl PartialEq for CapsuleValue {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.equals(&*other.inner)
    }
}
