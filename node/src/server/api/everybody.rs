//! What is asked of other nodes, all at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::super::context::Context;
use super::audit::Missing;

/// Nodes asked at one time.
const FANOUT: usize = 64;

/// How many rounds of nodes that do not answer are waited for.
const PATIENCE: u32 = 3;

/// A question of the peer API.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) path: &'static str,
    pub(super) body: Bytes,
    /// The longest answer, in bytes.
    pub(super) longest: usize,
    /// How long a node may take.
    pub(super) timeout: Duration,
}

/// Asks every other node that is `wanted`, by its name. The answers that `read` takes, by the name of the
/// node, and those that did not answer in time or not sensibly, both in order of their names. However many
/// do not answer, it takes no longer than [`PATIENCE`] times what one may take.
pub(super) async fn ask<T: Send + 'static>(
    context: &Arc<Context>,
    question: Question,
    wanted: impl Fn(&str) -> bool,
    read: fn(&str, &[u8]) -> Result<T, String>,
) -> (Vec<(String, T)>, Vec<Missing>) {
    let state = Arc::clone(&context.cluster.state().borrow());
    let others = state.peers.iter().filter(|peer| !peer.is_self && wanted(&peer.name));
    let others = others.map(|peer| (peer.name.clone(), peer.address)).collect();
    let deadline = Instant::now() + PATIENCE * question.timeout;
    gather(others, deadline, |node, address| {
        let (context, node, question) = (Arc::clone(context), node.to_owned(), question.clone());
        async move {
            let Question { path, body, longest, timeout } = question;
            let answer = context.peers.post(address, path, body, longest, timeout).await;
            let answer = answer.map_err(|error| error.to_string());
            answer.and_then(|body| read(&node, &body))
        }
    })
    .await
}

async fn gather<T: Send + 'static, F>(
    mut silent: BTreeMap<String, SocketAddr>,
    deadline: Instant,
    ask: impl Fn(&str, SocketAddr) -> F,
) -> (Vec<(String, T)>, Vec<Missing>)
where
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let mut waiting = silent.clone();
    let (mut answers, mut missing, mut asked) = (Vec::new(), Vec::new(), JoinSet::new());
    loop {
        while asked.len() < FANOUT
            && let Some((node, address)) = waiting.pop_first()
        {
            let answer = ask(&node, address);
            asked.spawn(async move { (node, address, answer.await) });
        }
        let Ok(Some(done)) = timeout_at(deadline, asked.join_next()).await else { break };
        let (node, address, answer) = match done {
            Ok(answered) => answered,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Whoever is not asked to the end does not answer.
            Err(_) => continue,
        };
        silent.remove(&node);
        match answer {
            Ok(answer) => answers.push((node, answer)),
            Err(error) => missing.push(Missing { node, address, error }),
        }
    }
    missing.extend(silent.into_iter().map(|(node, address)| {
        let error = match waiting.contains_key(&node) {
            true => "it was not asked: too many others did not answer",
            false => "it did not answer before the time for all was over",
        };
        Missing { node, address, error: error.to_owned() }
    }));
    answers.sort_by(|(a, _), (b, _)| a.cmp(b));
    missing.sort_by(|a, b| a.node.cmp(&b.node));
    (answers, missing)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_do_not_answer_the_rest_is_told_in_time() {
        let timeout = Duration::from_secs(2);
        let name = |n: usize| format!("node-{n:03}");
        let everybody = |count| -> BTreeMap<String, SocketAddr> {
            (0..count).map(|n| (name(n), (Ipv4Addr::LOCALHOST, n as u16).into())).collect()
        };
        // One of ten answers, at once.
        let ask = |_: &str, address: SocketAddr| async move {
            if address.port().is_multiple_of(10) {
                return Ok(address.port());
            }
            tokio::time::sleep(timeout).await;
            Err("it is silent".to_owned())
        };
        for (count, heard_out) in [(100, true), (1_000, false)] {
            let began = Instant::now();
            let deadline = began + PATIENCE * timeout;
            let (answers, missing) = gather(everybody(count), deadline, ask).await;
            assert!(began.elapsed() <= PATIENCE * timeout, "{:?}", began.elapsed());
            assert_eq!(answers.len() + missing.len(), count, "nobody is left out");
            assert!(answers.is_sorted() && missing.is_sorted_by(|a, b| a.node < b.node));
            let unheard = missing.iter().filter(|m| m.error.starts_with("it was not asked"));
            assert_eq!(unheard.count() == 0, heard_out);
            assert!(answers.len() >= FANOUT / 10, "{}", answers.len());
        }
    }
}
