//! A backend that remembers who stored which tick of which series.
//!
//! It speaks remote write 1.0 and 2.0 under `/write/NODE`, where the last part of the path names
//! the writer: nodes share a configuration, but each is given a URL of its own. Where they have to
//! write to one URL, because nodes take each other's frames only where the destination is the same,
//! the header `x-testnet-node` names the writer. `/` answers with
//! the totals, `/report` with everything, both as JSON.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod account;
mod book;
mod history;
mod relay;
mod report;
mod serve;
#[cfg(test)]
mod tests;
pub(crate) mod written;

pub use account::{Account, MAX_OBJECTIONS, Objection, ObjectionKind, SeriesAccount};
pub use book::{Book, Limits, MAX_NODES, Refusal, Sample, Totals, Writing};
pub use history::Stored;
pub use report::{Report, TargetReport, Tick};

/// Questions and writings that wait for the book: enough for every shard of a few nodes.
const QUEUE: usize = 64;

/// How the ledger answers those who write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Takes everything; doubles and late samples are counted.
    #[default]
    Accept,
    /// Takes what Prometheus takes: on 1.0 a request with a duplicate or out-of-order sample is
    /// refused as a whole, on 2.0 only the sample is.
    Prometheus,
    /// Answers every request with this status.
    Refuse(u16),
    /// Takes every other request, and answers the rest with this status.
    Alternate(u16),
    /// Reads requests and never answers.
    Stall,
    /// Takes requests and never answers: nobody learns that they were taken.
    Swallow,
    /// Hands every request to a real backend, answers as that does, and remembers what it took.
    Relay {
        /// Where the backend listens.
        to: SocketAddr,
        /// The path that takes remote writes.
        path: &'static str,
    },
}

/// A running ledger. It stops with the token it was started under.
#[derive(Debug, Clone)]
pub struct Ledger {
    address: SocketAddr,
    questions: mpsc::Sender<Question>,
    behaviour: watch::Sender<Behaviour>,
    totals: watch::Receiver<Totals>,
}

/// What the one task that owns the book is asked.
enum Question {
    Write { writing: Writing, prometheus: bool, answer: oneshot::Sender<Result<u64, Refusal>> },
    Report { until: Option<i64>, answer: oneshot::Sender<Report> },
    Account { answer: oneshot::Sender<Account> },
    Refused { writing: Writing, status: u16, message: String },
    ForgetRefusals,
}

impl Ledger {
    /// Starts to listen on a free port of loopback.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(
        limits: Limits,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), limits, tasks, cancel).await
    }

    /// Starts to listen on an address.
    ///
    /// # Errors
    ///
    /// When the address is taken.
    pub async fn start_at(
        address: SocketAddr,
        limits: Limits,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.with_context(|| format!("the ledger cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        let (questions, asked) = mpsc::channel(QUEUE);
        let (behaviour, behaves) = watch::channel(Behaviour::default());
        let (publish, totals) = watch::channel(Totals::default());
        let keep = serve::keep(Book::new(limits), asked, publish);
        tasks.spawn(cancel.clone().run_until_cancelled_owned(keep));
        let desk = serve::Desk::new(questions.clone(), behaves);
        tasks.spawn(serve::listen(listener, desk, cancel.clone()));
        Ok(Self { address, questions, behaviour, totals })
    }

    /// Where a node writes to.
    pub fn write_url(&self, node: &str) -> String {
        format!("http://{}/write/{node}", self.address)
    }

    /// Where the ledger listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how requests are answered, from the next one on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// The totals, whenever they change.
    pub fn totals(&self) -> watch::Receiver<Totals> {
        self.totals.clone()
    }

    /// Everything that is known. With `until`, in milliseconds since the Unix epoch, a series that
    /// has ended before without saying so is missing its ticks up to that instant.
    ///
    /// # Errors
    ///
    /// When the ledger has stopped.
    pub async fn report(&self, until: Option<i64>) -> anyhow::Result<Report> {
        let (answer, answered) = oneshot::channel();
        let asked = self.questions.send(Question::Report { until, answer }).await;
        asked.ok().context("the ledger has stopped")?;
        answered.await.context("the ledger has stopped")
    }

    /// Forgets the requests and samples that were refused so far; the totals have them still.
    ///
    /// # Errors
    ///
    /// When the ledger has stopped.
    pub async fn forget_refusals(&self) -> anyhow::Result<()> {
        let asked = self.questions.send(Question::ForgetRefusals).await;
        asked.ok().context("the ledger has stopped")
    }

    /// Every series and every tick.
    ///
    /// # Errors
    ///
    /// When the ledger has stopped.
    pub async fn account(&self) -> anyhow::Result<Account> {
        let (answer, answered) = oneshot::channel();
        let asked = self.questions.send(Question::Account { answer }).await;
        asked.ok().context("the ledger has stopped")?;
        answered.await.context("the ledger has stopped")
    }
}
