//! Pages that a suite writes itself, behind one address.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use testnet::process::World;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The content types of the exposition formats.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What stands in a page for the number of the request for it, so that no two are alike.
pub(crate) const NUMBER: &str = "%NUMBER%";

/// A path, its content type, and the page.
pub(crate) type Page = (Cow<'static, str>, &'static str, Bytes);

/// Serves the pages, each at its path.
pub(crate) async fn serve(world: &World, pages: Vec<Page>) -> anyhow::Result<SocketAddr> {
    let pages = Arc::new((pages, AtomicU64::default()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    world.tasks.spawn(world.cancel.clone().run_until_cancelled_owned(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let pages = Arc::clone(&pages);
            let service = service_fn(move |request: Request<Incoming>| {
                let (pages, asked) = &*pages;
                let number = asked.fetch_add(1, Ordering::Relaxed);
                let answer = answer(pages, request.uri().path(), number);
                std::future::ready(Ok::<_, Infallible>(answer))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            connections.spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    }));
    Ok(address)
}

fn answer(pages: &[Page], path: &str, number: u64) -> Response<Full<Bytes>> {
    let found = pages.iter().find(|(at, ..)| *at == path);
    let (status, kind, body) = match found {
        Some((_, kind, page)) => match std::str::from_utf8(page) {
            Ok(text) if text.contains(NUMBER) => {
                (StatusCode::OK, *kind, text.replace(NUMBER, &number.to_string()).into())
            }
            _ => (StatusCode::OK, *kind, page.clone()),
        },
        None => (StatusCode::NOT_FOUND, TEXT, Bytes::new()),
    };
    let answer = Response::builder().status(status).header(CONTENT_TYPE, kind);
    answer.body(Full::new(body)).expect("headers that are valid")
}
