//! From a request to its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use membership::Refusal;
use tokio::sync::OwnedSemaphorePermit;

use super::asked::{Asked, Query};
use super::config::AuthConfig;
use super::context::Context;
use super::reply::{self, Reply};
use super::{api, auth, browse, compress, peer, probes, profile};

/// The longest body of a request, in bytes: that of a state sync.
const MAX_BODY: usize = membership::SYNC_MAX + membership::Channel::OVERHEAD;

/// A body of up to this many bytes is read at once: for claims, and for a state sync but the first.
const SMALL_BODY: usize = 64 << 10;

/// How long a client may take to send it, the wait for room included.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Who makes a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// Where the connection comes from; nothing for one from within the process.
    pub(super) from: Option<SocketAddr>,
    /// Whether certificates are asked for, and this one shows none.
    pub(super) stranger: bool,
}

/// Answers a request, and counts it.
pub(super) async fn answer(
    context: Arc<Context>,
    auth: Option<&AuthConfig>,
    caller: Caller,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let began = Instant::now();
    let head_only = request.method() == Method::HEAD;
    // Within the process there is nothing to save.
    let gzip = !head_only && caller.from.is_some() && compress::accepts_gzip(request.headers());
    let refused = auth::refusal(auth, request.uri().path(), request.headers());
    let (route, reply) = match refused {
        Some(reply) => ("unauthorized", reply),
        None => match receive(&context, caller, request).await {
            Ok(asked) => dispatch(&context, asked).await,
            Err(reply) => ("unreadable", reply),
        },
    };
    let reply = if gzip { compress::gzip(reply).await } else { reply };
    context.measures.answered(route, reply.status(), began.elapsed());
    let (mut head, body) = reply.into_parts();
    if head_only {
        let length = HeaderValue::from(body.len());
        head.headers.insert(header::CONTENT_LENGTH, length);
        return Response::from_parts(head, Full::default());
    }
    Response::from_parts(head, Full::new(body))
}

async fn receive(
    context: &Context,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Asked, Reply> {
    let (head, body) = request.into_parts();
    let declared = body.size_hint().lower();
    let read = async {
        let room = room(context, body.size_hint().upper()).await;
        Limited::new(body, MAX_BODY).collect().await.map(|body| (body.to_bytes(), room))
    };
    let (body, room) = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            if head.uri.path().starts_with(peer::PREFIX) {
                let length = usize::try_from(declared).unwrap_or(usize::MAX).max(MAX_BODY + 1);
                let refusal = Refusal::TooLong { length, limit: MAX_BODY };
                peer::refuse(context, caller.from, head.uri.path(), &refusal);
            }
            let text = format!("a body has at most {MAX_BODY} bytes");
            return Err(reply::text(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(Err(error)) => {
            return Err(reply::text(
                StatusCode::BAD_REQUEST,
                format!("the body broke off: {error}"),
            ));
        }
        Err(_) => return Err(reply::text(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    };
    Ok(Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: Query::parse(head.uri.query().unwrap_or_default()),
        headers: head.headers,
        body,
        from: caller.from,
        stranger: caller.stranger,
        _room: room,
    })
}

/// Waits for the room that a body of `length` bytes needs, or one that does not say its length.
async fn room(context: &Context, length: Option<u64>) -> Option<OwnedSemaphorePermit> {
    let length = length.map_or(MAX_BODY, |length| usize::try_from(length).unwrap_or(MAX_BODY));
    if length <= SMALL_BODY {
        return None;
    }
    let kib = u32::try_from(length.min(MAX_BODY) / 1024).expect("a body is far below 4 TiB");
    // It is never closed.
    Arc::clone(&context.bodies).acquire_many_owned(kib).await.ok()
}

/// The route's name, for the metrics, and the answer.
async fn dispatch(context: &Arc<Context>, asked: Asked) -> (&'static str, Reply) {
    let path = asked.path.clone();
    match path.as_str() {
        "/-/ready" => return ("ready", probes::ready(context)),
        "/-/healthy" => return ("healthy", probes::healthy(context)),
        "/-/reload" => return ("reload", probes::reload(context, &asked).await),
        "/-/drain" => return ("drain", probes::drain(context, &asked).await),
        "/metrics" => return ("metrics", probes::metrics(context, &asked.headers)),
        "/api/v1/cluster" => return ("cluster", api::cluster::answer(context).await),
        "/api/v1/cluster/check" => return ("check", api::check::answer(context, &asked).await),
        "/api/v1/audit" => return ("audit", api::audit::answer(context).await),
        "/api/v1/what-if" => return ("what_if", api::what_if::answer(context, &asked).await),
        "/api/v1/status" => return ("status", api::status::answer(context)),
        "/api/v1/targets" => return ("targets", api::targets::answer(context, &asked).await),
        "/api/v1/moves" => return ("moves", api::moves::answer(context, &asked).await),
        "/api/v1/explain" => return ("explain", api::explain::answer(context, &asked).await),
        _ => {}
    }
    if path.starts_with(peer::PREFIX) {
        return peer::answer(context, asked).await;
    }
    if let Some(rest) = path.strip_prefix("/debug/pprof/") {
        return ("pprof", profile::answer(context, rest, &asked).await);
    }
    if let Some(rest) = path.strip_prefix("/api/v0/component/") {
        return ("component", api::component::answer(context, rest, asked).await);
    }
    let within = path.strip_prefix(&context.prefix);
    let bare = (path == context.prefix.trim_end_matches('/')).then_some("");
    match within.or(bare) {
        Some(rest) => match rest.strip_prefix("api/v0/web/") {
            Some(rest) => ("web", api::web::answer(context, rest, &asked).await),
            None if asked.reads() => ("page", browse::answer(context, rest, &asked).await),
            None => ("page", reply::method_not_allowed("GET, HEAD")),
        },
        None => ("unknown", reply::not_found()),
    }
}
