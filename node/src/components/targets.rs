//! Lists of targets as values of the language.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Labels;
use syntax::{Capsule, FromValue, IntoValue, Mismatch, Step, Type, Value};

#[cfg(test)]
mod tests;

/// A list of targets. In the language it is a list of objects, but it travels as one value and
/// becomes objects only where an expression looks inside: a hundred thousand targets pass from
/// discovery to a scrape by one reference count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(pub Arc<[Labels]>);

impl Default for Targets {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Capsule for Targets {
    fn type_name() -> &'static str {
        "targets"
    }

    fn equals(&self, other: &dyn Capsule) -> bool {
        let other: &dyn std::any::Any = other;
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0)
    }

    fn plain(&self) -> Option<Value> {
        Some(Value::array(self.0.iter().map(|target| {
            Value::object(target.iter().map(|(name, value)| (name, Value::string(value))))
        })))
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn concat(&self, parts: &[Value]) -> Option<Value> {
        let mut all = Vec::with_capacity(self.0.len());
        for part in parts {
            all.extend_from_slice(&Self::from_known(part).ok()?.0);
        }
        Some(Self(all.into()).to_value())
    }
}

impl FromValue for Targets {
    fn kind() -> Type {
        Type::targets()
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Null => Ok(Self::default()),
            Value::Capsule(capsule) => match capsule.downcast::<Self>() {
                Some(targets) => Ok(Self::clone(&targets)),
                None => Err(Mismatch::expected(&Self::kind(), value.kind())),
            },
            Value::Array(values) => {
                let targets = values.iter().enumerate().map(|(at, value)| {
                    let pairs = BTreeMap::<String, String>::from_value(value)
                        .map_err(|mismatch| (Step::Index(at), mismatch))?;
                    Ok(Labels::from_pairs(pairs))
                });
                Ok(Self(syntax::convert_all(targets)?.into()))
            }
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
        }
    }
}

impl IntoValue for Targets {
    fn to_value(&self) -> Value {
        Value::capsule(Arc::new(self.clone()))
    }
}

/// What a function made of each target of a list, kept for the next list: discovery sends whole
/// lists in which little has changed.
#[derive(Debug)]
pub(super) struct Memo<T> {
    inputs: Arc<[Labels]>,
    outputs: Vec<T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { inputs: Arc::from([]), outputs: Vec::new() }
    }
}

impl<T: Clone> Memo<T> {
    /// The outputs for a list, in its order. Only targets that the last list did not have are
    /// computed.
    pub(super) fn map(
        &mut self,
        inputs: &Arc<[Labels]>,
        mut compute: impl FnMut(&Labels) -> T,
    ) -> &[T] {
        if Arc::ptr_eq(&self.inputs, inputs) {
            return &self.outputs;
        }
        // Lists mostly keep their order, so the same place is tried before a search.
        let mut known: Option<BTreeMap<&Labels, usize>> = None;
        let (last_inputs, last_outputs) = (Arc::clone(&self.inputs), &self.outputs);
        let outputs = inputs.iter().enumerate().map(|(at, input)| {
            if last_inputs.get(at) == Some(input) {
                return last_outputs[at].clone();
            }
            let known = known.get_or_insert_with(|| {
                last_inputs.iter().enumerate().map(|(at, input)| (input, at)).collect()
            });
            match known.get(input) {
                Some(&at) => last_outputs[at].clone(),
                None => compute(input),
            }
        });
        let outputs = outputs.collect();
        self.outputs = outputs;
        self.inputs = Arc::clone(inputs);
        &self.outputs
    }

    /// Forgets everything: the function has changed.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
