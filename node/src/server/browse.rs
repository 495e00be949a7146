//! What people ask with a browser: collects what a page shows, and has it made.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};

use super::api::{audit, check, moves, status, targets};
use super::asked::Asked;
use super::components::HealthState;
use super::context::Context;
use super::reply::{self, Reply};
use crate::cluster::ClusterState;
use crate::pages::{self, Frame, TargetRow, TargetSearch, Tile};
use crate::telemetry::{clock, process};

/// Targets on one page.
const TARGETS_PER_PAGE: usize = 200;

/// Moves that the drawing of the cluster's page shows: it is a hundred bars wide.
const MOVES_ON_A_PAGE: usize = 300;

/// Pages show what is true now, so nobody keeps them; the style sheet changes with the version.
const STYLE_CACHING: HeaderValue = HeaderValue::from_static("max-age=3600");

/// Pages bring all they need along, and nobody may put them into a frame.
const SECURITY: (HeaderName, HeaderValue) = (
    http::header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
);

/// A page, by its path below the prefix.
pub(super) async fn answer(context: &Arc<Context>, path: &str, asked: &Asked) -> Reply {
    if path == pages::STYLE_PATH {
        let style = Bytes::from_static(pages::STYLE.as_bytes());
        let mut reply = reply::with(StatusCode::OK, "text/css; charset=utf-8", style);
        reply.headers_mut().insert(CACHE_CONTROL, STYLE_CACHING);
        return reply;
    }
    let state = Arc::clone(&context.cluster.state().borrow());
    let frame = frame(context, &state);
    let page = match path.trim_end_matches('/') {
        "" => overview(context, &frame, &state),
        // Alloy draws its graph on a page of its own; here it is on the first.
        "graph" => return redirect(&context.prefix),
        "clustering" => clustering(context, &frame, &state, asked).await,
        "targets" => targets(context, &frame, &state, asked).await,
        path => match path.strip_prefix("component/") {
            Some(id) => component(context, &frame, id).await,
            None => missing(&frame, "this page"),
        },
    };
    match page {
        Ok((status, page)) => {
            let mut reply = reply::html(status, page);
            let headers = reply.headers_mut();
            headers.insert(SECURITY.0, SECURITY.1);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            reply
        }
        Err(error) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

type Page = Result<(StatusCode, String), askama::Error>;

fn frame(context: &Context, state: &ClusterState) -> Frame {
    Frame {
        prefix: context.prefix.clone(),
        node: state.node_name.clone(),
        cluster: state.cluster_name.clone(),
        state: state.me().map(|me| me.state.to_owned()).unwrap_or_default(),
        version: process::VERSION,
        warning: match context.unready() {
            Some(why) => format!("Not ready: {why}."),
            None => state.notes().iter().map(|note| format!("Note: {note}. ")).collect(),
        },
    }
}

fn overview(context: &Context, frame: &Frame, state: &ClusterState) -> Page {
    let components = context.graph().map(|graph| graph.list()).unwrap_or_default();
    let status = status::of(context);
    let healthy = components.iter().filter(|c| c.health.state == HealthState::Healthy).count();
    let tile = |name, value: usize, note: String| Tile { name, value: pages::count(value), note };
    let targets = status.components.iter().filter_map(|component| component.targets);
    let (known, local) =
        targets.fold((0, 0), |(known, local), t| (known + t.known, local + t.local));
    let waiting: f64 = status.queues.iter().map(|queue| queue.samples).sum();
    let oldest = status.queues.iter().map(|queue| queue.age_seconds).fold(0.0, f64::max);
    let unhealthy = components.len() - healthy;
    let tiles = [
        tile("Targets here", local, format!("of {} known", pages::count(known))),
        tile(
            "Peers",
            state.peers.len(),
            if state.ready { String::new() } else { format!("of {} needed", state.minimum_size) },
        ),
        tile(
            "Components",
            components.len(),
            if unhealthy == 0 {
                "all healthy".to_owned()
            } else {
                format!("{unhealthy} not healthy")
            },
        ),
        tile(
            "Samples waiting",
            waiting as usize,
            if oldest > 0.0 {
                format!("the oldest for {}", pages::duration(oldest))
            } else {
                String::new()
            },
        ),
    ];
    let troubles = context.graph().map(|graph| graph.troubles()).unwrap_or_default();
    Ok((StatusCode::OK, pages::overview(frame, &tiles, &troubles, &components)?))
}

async fn clustering(
    context: &Arc<Context>,
    frame: &Frame,
    state: &ClusterState,
    asked: &Asked,
) -> Page {
    // When the cluster has stopped, the frame says that the process does.
    let detail = context.cluster.detail().await.unwrap_or_default();
    let (audit, moves) = tokio::join!(audit::of(context), moves::of(context, MOVES_ON_A_PAGE));
    let (audit, moves) = (audit.unwrap_or_default(), moves.unwrap_or_default());
    let (mut checked, mut check_refused) = (None, false);
    if !asked.query.text("check").is_empty() {
        match check::run(context).await {
            Some(check) => checked = check.ok(),
            None => check_refused = true,
        }
    }
    let now = clock::unix_millis(SystemTime::now());
    let check = checked.as_ref();
    let shown = pages::Shown {
        cluster: state,
        detail: &detail,
        audit: &audit,
        moves: &moves,
        check,
        check_refused,
        now,
    };
    Ok((StatusCode::OK, pages::clustering(frame, shown)?))
}

async fn component(context: &Context, frame: &Frame, id: &str) -> Page {
    let detail = match context.graph() {
        Some(graph) => graph.glimpse(id, pages::MOST_SHOWN).await,
        None => None,
    };
    match detail {
        Some(detail) => Ok((StatusCode::OK, pages::component(frame, &detail)?)),
        None => missing(frame, &format!("component {id}")),
    }
}

fn missing(frame: &Frame, what: &str) -> Page {
    Ok((StatusCode::NOT_FOUND, pages::missing(frame, what)?))
}

async fn targets(
    context: &Arc<Context>,
    frame: &Frame,
    state: &ClusterState,
    asked: &Asked,
) -> Page {
    let mut search = TargetSearch {
        query: asked.query.text("query").to_owned(),
        owner: asked.query.text("owner").to_owned(),
        owners: state.peers.iter().map(|peer| peer.name.clone()).collect(),
        ..TargetSearch::default()
    };
    let ask = targets::Ask {
        wanted: targets::Wanted {
            query: search.query.clone(),
            component: asked.query.text("component").to_owned(),
            count: TARGETS_PER_PAGE as u32,
        },
        owner: search.owner.clone(),
        offset: 0,
        limit: TARGETS_PER_PAGE,
    };
    match targets::list(context, ask).await {
        Ok(listing) => {
            search.total = usize::try_from(listing.total).unwrap_or(usize::MAX);
            let now = clock::unix_millis(SystemTime::now());
            search.rows = listing.targets.into_iter().map(|target| row(target, now)).collect();
            let silent = listing.missing.into_iter();
            search.missing = silent.map(|peer| format!("{}: {}", peer.node, peer.error)).collect();
        }
        Err(closed) => search.missing = vec![closed.to_string()],
    }
    Ok((StatusCode::OK, pages::targets(frame, &search)?))
}

fn row(target: targets::Target, now: i64) -> TargetRow {
    let labels = target.labels.iter().map(|(name, value)| format!("{name}={value:?}"));
    TargetRow {
        labels: labels.collect::<Vec<String>>().join(" "),
        url: target.url,
        component: target.component,
        owner: if target.node.is_empty() { target.owner } else { target.node },
        health: target.health,
        last_error: target.last_error,
        duration: match target.scraped_at != 0 {
            true => pages::duration(target.last_scrape_duration_seconds),
            false => String::new(),
        },
        last_scrape: pages::moment(target.scraped_at, now),
    }
}

fn redirect(to: &str) -> Reply {
    let mut reply: Response<Bytes> = reply::text(StatusCode::FOUND, format!("see {to}"));
    if let Ok(to) = HeaderValue::from_str(to) {
        reply.headers_mut().insert(LOCATION, to);
    }
    reply
}
