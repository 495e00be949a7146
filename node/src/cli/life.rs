//! What ends a process, and what makes it read its configuration again.

use std::future::Future;
use std::io::Read as _;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What somebody wants of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGHUP.
    Reload,
    /// SIGTERM, SIGINT, or the end of standard input.
    Stop,
}

/// The signals of this process.
pub(super) struct Life {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    orphaned: Option<watch::Receiver<bool>>,
}

impl Life {
    /// Listens to signals from now on, and to standard input when it is to end the process.
    pub(super) fn begin(watch_stdin: bool) -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            orphaned: watch_stdin.then(end_of_stdin).transpose()?,
        })
    }

    /// The next signal. Cancel safe.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            () = orphaned(&mut self.orphaned) => Signal::Stop,
        }
    }

    /// The next signal to stop; reloads are pointless by now.
    pub(super) async fn next_stop(&mut self) -> Signal {
        loop {
            if self.next().await == Signal::Stop {
                return Signal::Stop;
            }
        }
    }

    /// What `work` comes to; nothing when a signal to stop came first.
    pub(super) async fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            _ = self.next_stop() => None,
        }
    }
}

/// Says once that standard input has ended; then never again.
async fn orphaned(stdin: &mut Option<watch::Receiver<bool>>) {
    if let Some(ended) = stdin {
        // The thread behind it ends only after it has said so.
        let _ = ended.wait_for(|ended| *ended).await;
        *stdin = None;
        return;
    }
    std::future::pending::<()>().await;
}

/// Reads standard input on a thread, which nothing can interrupt and nobody waits for.
fn end_of_stdin() -> std::io::Result<watch::Receiver<bool>> {
    let (ended, at) = watch::channel(false);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut buffer = [0; 1024];
        let mut stdin = std::io::stdin().lock();
        while matches!(stdin.read(&mut buffer), Ok(length) if length > 0) {}
        ended.send_replace(true);
    })?;
    Ok(at)
}
