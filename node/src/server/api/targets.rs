//! `GET /api/v1/targets`: the targets of the whole cluster, asked of any node.
//!
//! Parameters: `query` (see [`Search`]), `owner` (a node's name), `component` (an id), `limit` (100
//! by default, 1000 at most) and `offset`. The answer:
//!
//! ```json
//! {"total": 3000, "offset": 0, "limit": 100, "partial": true,
//!  "missing": [{"node": "c", "address": "10.0.0.3:12345", "error": "no answer in 2s"}],
//!  "targets": [{"component": "prometheus.scrape.a", "key": "9f..", "url": "http://..",
//!    "labels": {"job": "a"}, "owner": "b", "deputy": "a", "node": "b", "health": "up",
//!    "last_error": "", "last_scrape": "2026-..", "last_scrape_duration_seconds": 0.01}]}
//! ```
//!
//! `owner` is who should collect a target, `node` who says that it does, which is what the parameter
//! `owner` goes by: while a target moves it may be another. Of a node that did not
//! answer, its targets are listed all the same as far as this node knows them, with an empty `node`
//! and the health `unknown`; `partial` says that there are such nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use ownership::Key;
use serde::{Deserialize, Serialize};

use super::super::asked::Asked;
use super::super::components::TargetHealth;
use super::super::context::Context;
use super::super::peer;
use super::super::reply::{self, Reply};
use super::audit::Missing;
use super::everybody::{self, Question};
use super::search::Search;
use crate::cluster::{Announced, Closed, Listed};
use crate::telemetry::clock;
use crate::wire::{self, Malformed};

/// Targets in one answer.
pub(in crate::server) const MAX_LIMIT: usize = 1000;

/// How far into the list one may go: every peer must send this many rows in the worst case.
const MAX_OFFSET: usize = 20_000;

/// How long a peer may take.
const PEER_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest answer of a peer, in bytes: [`MAX_OFFSET`] and [`MAX_LIMIT`] rows of 1.5 kB.
const MAX_ANSWER: usize = 32 << 20;

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::server) struct Wanted {
    pub(in crate::server) query: String,
    pub(in crate::server) component: String,
    /// The first so many in the order of component, URL and key.
    pub(in crate::server) count: u32,
}

/// What one node collects of what is wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::server) struct Collected {
    pub(in crate::server) total: u64,
    pub(in crate::server) rows: Vec<Row>,
}

/// One target as its collector describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::server) struct Row {
    pub(in crate::server) component: String,
    pub(in crate::server) url: String,
    pub(in crate::server) key: u64,
    pub(in crate::server) labels: Vec<(String, String)>,
    /// Absent when nobody knows.
    pub(in crate::server) health: Option<TargetHealth>,
}

impl Wanted {
    pub(in crate::server) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let wanted = wire::decode::<Self, MAX_ANSWER>(body)?;
        Ok(Self { count: wanted.count.min((MAX_OFFSET + MAX_LIMIT) as u32), ..wanted })
    }

    fn encode(&self) -> Result<Bytes, Malformed> {
        wire::encode(self)
    }
}

impl Collected {
    pub(in crate::server) fn encode(&self) -> Result<Bytes, Malformed> {
        wire::encode(self)
    }

    pub(in crate::server) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        wire::decode::<_, MAX_ANSWER>(body)
    }
}

impl Row {
    fn new(component: &str, target: &Announced) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            component: component.to_owned(),
            url: target.url.to_string(),
            key: target.key.as_u64(),
            labels: target.labels.iter().map(own).collect(),
            health: None,
        }
    }

    fn order(&self) -> (&str, &str, u64) {
        (&self.component, &self.url, self.key)
    }
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::server) struct Listing {
    pub(in crate::server) total: u64,
    pub(in crate::server) offset: usize,
    pub(in crate::server) limit: usize,
    pub(in crate::server) partial: bool,
    pub(in crate::server) missing: Vec<Missing>,
    pub(in crate::server) targets: Vec<Target>,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::server) struct Target {
    pub(in crate::server) component: String,
    pub(in crate::server) key: String,
    pub(in crate::server) url: String,
    pub(in crate::server) labels: BTreeMap<String, String>,
    pub(in crate::server) owner: String,
    pub(in crate::server) deputy: String,
    pub(in crate::server) node: String,
    pub(in crate::server) health: String,
    pub(in crate::server) last_error: String,
    pub(in crate::server) last_scrape: String,
    pub(in crate::server) last_scrape_duration_seconds: f64,
    /// The same as `last_scrape`, in milliseconds since the Unix epoch; 0 when there was none.
    #[serde(skip)]
    pub(in crate::server) scraped_at: i64,
}

/// What somebody wants to see of the cluster's targets.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Ask {
    pub(in crate::server) wanted: Wanted,
    pub(in crate::server) owner: String,
    pub(in crate::server) offset: usize,
    pub(in crate::server) limit: usize,
}

impl Ask {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// A text for whoever asked.
    pub(in crate::server) fn parse(asked: &Asked) -> Result<Self, String> {
        let limit = asked.query.number("limit", 100, MAX_LIMIT)?;
        let offset = asked.query.number("offset", 0, MAX_OFFSET)?;
        let wanted = Wanted {
            query: asked.query.text("query").to_owned(),
            component: asked.query.text("component").to_owned(),
            count: (offset + limit) as u32,
        };
        Ok(Self { wanted, owner: asked.query.text("owner").to_owned(), offset, limit })
    }
}

pub(in crate::server) async fn answer(context: &Arc<Context>, asked: &Asked) -> Reply {
    if !asked.reads() {
        return reply::method_not_allowed("GET, HEAD");
    }
    let ask = match Ask::parse(asked) {
        Ok(ask) => ask,
        Err(problem) => return reply::json_error(StatusCode::BAD_REQUEST, problem),
    };
    match list(context, ask).await {
        Ok(listing) => reply::json(&listing),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// Asks every node and puts the answers together.
pub(in crate::server) async fn list(context: &Arc<Context>, ask: Ask) -> Result<Listing, Closed> {
    let state = Arc::clone(&context.cluster.state().borrow());
    let asked = |name: &str| ask.owner.is_empty() || ask.owner == name;
    let mut total = 0;
    let mut rows: Vec<(String, Row)> = Vec::new();
    let mut take = |node: &str, collected: Collected| {
        total += collected.total;
        rows.extend(collected.rows.into_iter().map(|row| (node.to_owned(), row)));
    };
    if asked(&state.node_name) {
        take(&state.node_name, collected_here(context, &ask.wanted).await?);
    }
    let (answers, missing) = ask_peers(context, &ask).await;
    answers.into_iter().for_each(|(node, collected)| take(&node, collected));
    let silent: BTreeSet<&str> = missing.iter().map(|missing| missing.node.as_str()).collect();
    let orphans = uncollected(context, &ask, &silent).await?;
    total += orphans.total;
    rows.extend(orphans.rows.into_iter().map(|row| (String::new(), row)));

    rows.sort_by(|(a_node, a), (b_node, b)| (a.order(), a_node).cmp(&(b.order(), b_node)));
    let page: Vec<(String, Row)> = rows.into_iter().skip(ask.offset).take(ask.limit).collect();
    let keys = page.iter().map(|(_, row)| Key::from(row.key)).collect();
    let placed = context.cluster.place(keys).await?;
    let local = context.cluster.listed();
    let clustered = |component: &str| {
        local.iter().find(|listed| *listed.component == *component).is_none_or(|l| l.clustered)
    };
    let target = |((node, row), placed): ((String, Row), crate::cluster::Placed)| {
        // Without clustering every node collects its own.
        let shared = clustered(&row.component);
        let health = row.health;
        Target {
            owner: if shared { placed.owner } else { node.clone() },
            deputy: if shared { placed.deputy } else { String::new() },
            node,
            key: Key::from(row.key).to_string(),
            component: row.component,
            url: row.url,
            labels: row.labels.into_iter().collect(),
            last_error: health.as_ref().map(|h| h.last_error.clone()).unwrap_or_default(),
            scraped_at: health.as_ref().map_or(0, |h| h.last_scrape),
            last_scrape: health.as_ref().map(|h| instant(h.last_scrape)).unwrap_or_default(),
            last_scrape_duration_seconds: health.as_ref().map_or(0.0, |h| h.last_scrape_duration),
            health: health.map_or_else(|| "unknown".to_owned(), |h| h.health),
        }
    };
    let targets = page.into_iter().zip(placed).map(target).collect();
    let Ask { offset, limit, .. } = ask;
    Ok(Listing { total, offset, limit, partial: !missing.is_empty(), missing, targets })
}

fn instant(unix_millis: i64) -> String {
    if unix_millis == 0 { String::new() } else { clock::rfc3339(unix_millis) }
}

/// What this node collects of what is wanted.
pub(in crate::server) async fn collected_here(
    context: &Arc<Context>,
    wanted: &Wanted,
) -> Result<Collected, Closed> {
    let mut collected = Collected::default();
    let search = Search::new(&wanted.query);
    for listed in components(context, wanted) {
        let running = match listed.clustered {
            true => Some(context.cluster.running(&listed.component).await?),
            false => None,
        };
        let announced = listed.announced();
        let runs = |target: &&Announced| {
            running.as_ref().is_none_or(|keys| keys.binary_search(&target.key).is_ok())
        };
        let found = announced.iter().filter(runs);
        let found = found.filter(|target| search.matches(&listed.component, target));
        let (count, mut rows) = first(&listed.component, found, wanted.count as usize);
        collected.total += count;
        if let Some(graph) = context.graph() {
            let keys: Vec<Key> = rows.iter().map(|row| Key::from(row.key)).collect();
            let health = graph.target_health(&listed.component, &keys).await;
            for (row, health) in rows.iter_mut().zip(health) {
                row.health = health;
            }
        }
        collected.rows.extend(rows);
        // Components come in order, so later ones have no place before these.
        if collected.rows.len() >= wanted.count as usize {
            collected.rows.truncate(wanted.count as usize);
        }
    }
    Ok(collected)
}

/// The first rows in order, and how many there are in all.
fn first<'a>(
    component: &str,
    targets: impl Iterator<Item = &'a Announced>,
    count: usize,
) -> (u64, Vec<Row>) {
    let mut found: Vec<&Announced> = targets.collect();
    let total = found.len() as u64;
    found.sort_unstable_by(|a, b| (&a.url, a.key).cmp(&(&b.url, b.key)));
    found.dedup_by_key(|target| target.key);
    (total, found.into_iter().take(count).map(|target| Row::new(component, target)).collect())
}

fn components(context: &Context, wanted: &Wanted) -> Vec<Listed> {
    let mut listed = context.cluster.listed();
    listed.retain(|l| wanted.component.is_empty() || *l.component == *wanted.component);
    listed
}

/// Targets that this node knows of and nobody reports: nobody owns them, or their owner is silent.
async fn uncollected(
    context: &Arc<Context>,
    ask: &Ask,
    silent: &BTreeSet<&str>,
) -> Result<Collected, Closed> {
    let mut collected = Collected::default();
    let ready = context.cluster.state().borrow().ready;
    if silent.is_empty() && ready {
        return Ok(collected);
    }
    let search = Search::new(&ask.wanted.query);
    for listed in components(context, &ask.wanted).iter().filter(|listed| listed.clustered) {
        let announced = listed.announced();
        let found = announced.iter().filter(|target| search.matches(&listed.component, target));
        let found: Vec<&Announced> = found.collect();
        let placed = context.cluster.place(found.iter().map(|t| t.key).collect()).await?;
        let running = context.cluster.running(&listed.component).await?;
        let orphans = found.into_iter().zip(placed).filter(|(target, placed)| {
            let wanted = ask.owner.is_empty() || ask.owner == placed.owner;
            let held_back = !ready && running.binary_search(&target.key).is_err();
            wanted && (silent.contains(placed.owner.as_str()) || held_back)
        });
        let count = ask.wanted.count as usize;
        let (count, rows) = first(&listed.component, orphans.map(|(target, _)| target), count);
        collected.total += count;
        collected.rows.extend(rows);
    }
    Ok(collected)
}

/// Asks the other nodes; those that do not answer are named.
async fn ask_peers(context: &Arc<Context>, ask: &Ask) -> (Vec<(String, Collected)>, Vec<Missing>) {
    let question = Question {
        path: peer::TARGETS_PATH,
        body: ask.wanted.encode().unwrap_or_default(),
        longest: MAX_ANSWER,
        timeout: PEER_TIMEOUT,
    };
    let wanted = |name: &str| ask.owner.is_empty() || ask.owner == name;
    everybody::ask(context, question, wanted, |_, body| {
        Collected::decode(body).map_err(|error| error.to_string())
    })
    .await
}
