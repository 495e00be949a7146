//! From a request to its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::config::AuthConfig;
use super::context::Context;
use super::reply::{self, Reply};
use super::{api, auth, browse, peer, probes, profile};

mod query;

pub(super) use query::Query;

/// The longest body of a request, in bytes: that of a state sync.
const MAX_BODY: usize = membership::SYNC_MAX + membership::Channel::OVERHEAD;

/// How long a client may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Who makes a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// Where the connection comes from; nothing for one from within the process.
    pub(super) from: Option<SocketAddr>,
    /// Whether certificates are asked for, and this one shows none.
    pub(super) stranger: bool,
}

/// A request whose body has arrived.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) from: Option<SocketAddr>,
    pub(super) stranger: bool,
}

impl Asked {
    /// Whether the request only reads.
    pub(super) fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
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
    let refused = auth::refusal(auth, request.uri().path(), request.headers());
    let (route, reply) = match refused {
        Some(reply) => ("unauthorized", reply),
        None => match receive(caller, request).await {
            Ok(asked) => dispatch(&context, asked).await,
            Err(reply) => ("unreadable", reply),
        },
    };
    context.measures.answered(route, reply.status(), began.elapsed());
    let (mut head, body) = reply.into_parts();
    if head_only {
        let length = HeaderValue::from(body.len());
        head.headers.insert(header::CONTENT_LENGTH, length);
        return Response::from_parts(head, Full::default());
    }
    Response::from_parts(head, Full::new(body))
}

async fn receive(caller: Caller, request: Request<Incoming>) -> Result<Asked, Reply> {
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
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
    })
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
        "/api/v1/status" => return ("status", api::status::answer(context)),
        "/api/v1/targets" => return ("targets", api::targets::answer(context, &asked).await),
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
