//! Kinds without their types, as the graph handles them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use syntax::json::Body;
use syntax::{Arguments, Diagnostics, Evaluated, Exports, FieldDoc, Stability, Value};

use super::context::Context;
use super::kind::{Kind, Refusal, Started, Updated, Work};
use crate::server::components::{BoxFuture, ComponentRequest, TargetHealth};
use ownership::Key;

/// A kind of component.
pub trait Descriptor: Send + Sync {
    /// What the configuration calls it.
    fn name(&self) -> &'static str;
    /// What it is for.
    fn summary(&self) -> &'static str;
    /// How far it has come.
    fn stability(&self) -> Stability;
    /// As [`Kind::ONLY_READS`].
    fn only_reads(&self) -> bool;
    /// What it takes.
    fn arguments(&self) -> Vec<FieldDoc>;
    /// What it gives.
    fn exports(&self) -> Vec<FieldDoc>;
    /// What it gives, before anything runs.
    fn unknown_exports(&self) -> Value;
    /// All that is wrong with its arguments, as far as they are known.
    fn check(&self, arguments: &Evaluated) -> Diagnostics;
    /// Makes a component.
    fn start(
        &self,
        context: Context<()>,
        arguments: &Evaluated,
    ) -> BoxFuture<'static, Result<Made, Failure>>;
}

impl fmt::Debug for dyn Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A handle on a running component.
pub trait Running: Send + Sync {
    /// As [`Kind::update`].
    fn update(&self, arguments: &Evaluated) -> BoxFuture<'_, Result<Updated, Failure>>;
    /// As [`Kind::debug_info`].
    fn debug_info(&self, most: usize) -> BoxFuture<'_, Body>;
    /// As [`Kind::target_health`].
    fn target_health<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Vec<Option<TargetHealth>>>;
    /// As [`Kind::serve`].
    fn serve(&self, request: ComponentRequest) -> BoxFuture<'_, Option<http::Response<Bytes>>>;
}

/// A handle on a component that was made, and the work behind it.
pub type Made = (Arc<dyn Running>, Work);

/// Why a component was not made or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// Its arguments are wrong.
    #[error("{0}")]
    Arguments(Diagnostics),
    /// Its arguments look right, but cannot be honoured now.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

pub(super) struct Erased<K>(PhantomData<fn() -> K>);

impl<K> Erased<K> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

fn decode<T: Arguments>(arguments: &Evaluated) -> Result<T, Failure> {
    syntax::decode_evaluated(arguments).map_err(Failure::Arguments)
}

impl<K: Kind> Descriptor for Erased<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn summary(&self) -> &'static str {
        K::SUMMARY
    }

    fn stability(&self) -> Stability {
        K::STABILITY
    }

    fn only_reads(&self) -> bool {
        K::ONLY_READS
    }

    fn arguments(&self) -> Vec<FieldDoc> {
        K::Arguments::reference()
    }

    fn exports(&self) -> Vec<FieldDoc> {
        K::Exports::reference()
    }

    fn unknown_exports(&self) -> Value {
        K::Exports::unknown()
    }

    fn check(&self, arguments: &Evaluated) -> Diagnostics {
        // What cannot be known yet fails to decode without anything being wrong.
        syntax::decode_evaluated::<K::Arguments>(arguments).err().unwrap_or_default()
    }

    fn start(
        &self,
        context: Context<()>,
        arguments: &Evaluated,
    ) -> BoxFuture<'static, Result<Made, Failure>> {
        let arguments = decode::<K::Arguments>(arguments);
        let context = Context {
            id: context.id,
            directory: context.directory,
            cancel: context.cancel,
            removed: context.removed,
            exports: context.exports.typed(),
            health: context.health,
            services: context.services,
        };
        Box::pin(async move {
            let Started { component, work } = K::start(context, arguments?).await?;
            Ok((Arc::new(Handle(component)) as Arc<dyn Running>, work))
        })
    }
}

struct Handle<K>(K);

impl<K: Kind> Running for Handle<K> {
    fn update(&self, arguments: &Evaluated) -> BoxFuture<'_, Result<Updated, Failure>> {
        let arguments = decode::<K::Arguments>(arguments);
        Box::pin(async move { Ok(self.0.update(arguments?).await?) })
    }

    fn debug_info(&self, most: usize) -> BoxFuture<'_, Body> {
        Box::pin(self.0.debug_info(most))
    }

    fn target_health<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Vec<Option<TargetHealth>>> {
        Box::pin(self.0.target_health(keys))
    }

    fn serve(&self, request: ComponentRequest) -> BoxFuture<'_, Option<http::Response<Bytes>>> {
        Box::pin(self.0.serve(request))
    }
}
