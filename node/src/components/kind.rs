//! What a kind of component is.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use syntax::json::Body;
use syntax::{Arguments, Exports, Stability};

use super::context::Context;
use crate::server::components::{ComponentRequest, TargetHealth};
use ownership::Key;

/// What a component does all the time it lives. It ends when the token of its context is
/// cancelled and what is in flight is done; ending before that makes the component `exited`.
pub type Work = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// A kind of component. A value of the type is the handle on one running component: whatever the
/// graph needs to talk to its [`Work`].
pub trait Kind: Send + Sync + Sized + 'static {
    /// What the configuration calls it: `prometheus.scrape`.
    const NAME: &'static str;
    /// What it is for, in a sentence; its reference begins with this.
    const SUMMARY: &'static str;
    /// How far it has come.
    const STABILITY: Stability = Stability::GenerallyAvailable;
    /// Whether making one only reads something, for the sake of what it exports. One may then be made
    /// beside another of the same name, to learn what that would export, and be dropped again.
    const ONLY_READS: bool = false;

    /// What it takes. Whatever can be found wrong without running is found by decoding.
    type Arguments: Arguments + Send + Sync + 'static;
    /// What it gives to others; [`Nothing`] where it gives nothing.
    type Exports: Exports + Send + Sync + 'static;

    /// Makes a component. Its exports should be set when this returns: whatever reads them is
    /// evaluated next. The work has not been polled then and may be dropped without ever having
    /// been.
    fn start(
        context: Context<Self::Exports>,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Started<Self>, Refusal>> + Send;

    /// Hands new arguments to a running component. On an error the old ones stay in force, and also
    /// when this is dropped before it is done, as it is when the process stops meanwhile. If its
    /// exports follow from its arguments they should be set when this returns, as with
    /// [`Self::start`]; the whole graph waits, so that takes a bounded time.
    fn update(
        &self,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Updated, Refusal>> + Send;

    /// What the component says of its inner life. Of what there may be very many, such as targets,
    /// it shows `most` at most and says how many it leaves out ([`Body::left_out`]).
    fn debug_info(&self, _most: usize) -> impl Future<Output = Body> + Send {
        std::future::ready(Body::new())
    }

    /// How these targets fare, in their order; none for what is not collected here.
    fn target_health(
        &self,
        keys: &[Key],
    ) -> impl Future<Output = Vec<Option<TargetHealth>>> + Send {
        std::future::ready(vec![None; keys.len()])
    }

    /// Answers a request to `/api/v0/component/{id}/...`; none where the kind serves nothing.
    fn serve(
        &self,
        _request: ComponentRequest,
    ) -> impl Future<Output = Option<http::Response<Bytes>>> + Send {
        std::future::ready(None)
    }
}

/// A component that was made.
pub struct Started<K> {
    /// The handle on it.
    pub component: K,
    /// What is to be run.
    pub work: Work,
}

impl<K> Started<K> {
    /// A handle and the work behind it.
    pub fn new(
        component: K,
        work: impl Future<Output = Result<(), Refusal>> + Send + 'static,
    ) -> Self {
        Self { component, work: Box::pin(work) }
    }
}

/// How a component took new arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// They are in force.
    InPlace,
    /// It cannot change while it runs: it must be stopped and made anew.
    Restart,
}

/// Why a component cannot be made, changed, or go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong, and what to do.
    pub message: String,
}

impl Refusal {
    /// Says why.
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string() }
    }
}

/// The exports of a kind that gives nothing to others, or the arguments of one that takes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, syntax::Exports, syntax::Arguments)]
pub struct Nothing {}
