//! What is asked of other nodes, all at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::super::context::Context;
use super::audit::Missing;

/// Nodes asked at one time.
const FANOUT: usize = 64;

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

/// Asks every other node that is `wanted`, by its name. The answers that `read` takes, by the name of the node, and those that did
/// not answer or not sensibly, both in order of their names.
pub(super) async fn ask<T: Send + 'static>(
    context: &Arc<Context>,
    question: Question,
    wanted: impl Fn(&str) -> bool,
    read: fn(&str, &[u8]) -> Result<T, String>,
) -> (Vec<(String, T)>, Vec<Missing>) {
    let state = Arc::clone(&context.cluster.state().borrow());
    let others = state.peers.iter().filter(|peer| !peer.is_self && wanted(&peer.name));
    let mut waiting: Vec<(String, SocketAddr)> =
        others.map(|peer| (peer.name.clone(), peer.address)).collect();
    // From the end, so that they are asked by name.
    waiting.reverse();
    let (mut answers, mut missing, mut asked) = (Vec::new(), Vec::new(), JoinSet::new());
    loop {
        while asked.len() < FANOUT
            && let Some((node, address)) = waiting.pop()
        {
            let (context, question) = (Arc::clone(context), question.clone());
            asked.spawn(async move {
                let Question { path, body, longest, timeout } = question;
                let answer = context.peers.post(address, path, body, longest, timeout).await;
                let answer = answer.map_err(|error| error.to_string());
                let answer = answer.and_then(|body| read(&node, &body));
                (node, address, answer)
            });
        }
        match asked.join_next().await {
            Some(Ok((node, _, Ok(answer)))) => answers.push((node, answer)),
            Some(Ok((node, address, Err(error)))) => missing.push(Missing { node, address, error }),
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => break,
        }
    }
    answers.sort_by(|(a, _), (b, _)| a.cmp(b));
    missing.sort_by(|a, b| a.node.cmp(&b.node));
    (answers, missing)
}
