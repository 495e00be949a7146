use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use membership::{Key, Keyring};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::cluster::Arrival;
use crate::cluster::streams::tests::counted;

const PATH: &str = "/api/v1/peer/sync";
const TIMEOUT: Duration = Duration::from_secs(30);
const LIMIT: usize = 1000;

fn seal(key: u8) -> PeerSeal {
    PeerSeal::new("tests", Keyring::new(vec![Key::new(&[key; 32])]).expect("one key"))
}

fn access(seal: &PeerSeal) -> PeerAccess {
    let (_, http) = watch::channel(Arc::default());
    PeerAccess::new(None, http, seal.clone()).expect("plain HTTP")
}

/// A peer that answers in its own way, until the tasks are dropped.
async fn peer(
    answer: impl Fn(Bytes) -> (StatusCode, Bytes) + Clone + Send + Sync + 'static,
) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let address = listener.local_addr().expect("it is bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<hyper::body::Incoming>| async {
                let body = request.into_body().collect().await?.to_bytes();
                let (status, body) = answer(body);
                let mut response = Response::new(Full::new(body));
                *response.status_mut() = status;
                Ok::<_, hyper::Error>(response)
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // One that asks no more has closed its connection.
            let _ = connection.await;
        }
    });
    (address, tasks)
}

/// Asks once; what came of it, and the counts of it.
async fn asked(own: &PeerSeal, to: SocketAddr) -> (Result<Vec<u8>, PeerError>, [f64; 6]) {
    let question = Bytes::from_static(b"how are you");
    let answer = access(own).post(to, PATH, question, LIMIT, TIMEOUT).await;
    (answer, counted(own.streams()))
}

#[tokio::test]
async fn an_answer_is_counted_as_one() {
    let (own, other) = (seal(1), seal(1));
    let (address, _tasks) = peer(move |body| match other.hear(None, PATH, body) {
        Ok(Arrival::Question(question)) => {
            (StatusCode::OK, question.answer(PATH, Bytes::from_static(b"well")))
        }
        Ok(Arrival::Introduce(body)) => (StatusCode::OK, body),
        Err(refusal) => (StatusCode::FORBIDDEN, refusal.to_string().into()),
    })
    .await;
    let (answer, [open, received, _, sent, _, failed]) = asked(&own, address).await;
    assert_eq!(answer, Ok(b"well".to_vec()));
    // The first question was for a life that nobody knew of, and was answered with it.
    assert_eq!([open, received, sent, failed], [0.0, 2.0, 2.0, 0.0]);
}

#[tokio::test]
async fn a_refusal_is_received_and_no_answer() {
    for refusal in ["not you".to_owned(), "no".repeat(REFUSAL)] {
        let own = seal(1);
        let body = Bytes::from(refusal.clone());
        let (address, _tasks) = peer(move |_| (StatusCode::FORBIDDEN, body.clone())).await;
        let (answer, [open, received, bytes, sent, _, failed]) = asked(&own, address).await;
        let Err(PeerError::Declined(why)) = answer else { panic!("{answer:?}") };
        let shown = &refusal[..refusal.len().min(EXCERPT)];
        assert_eq!(why, format!("403 Forbidden: {shown}"));
        assert_eq!([open, received, sent, failed], [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(bytes, refusal.len().min(REFUSAL) as f64);
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_received_and_no_answer() {
    let own = seal(1);
    let (address, _tasks) = peer(|_| (StatusCode::OK, Bytes::from_static(b"I am nobody"))).await;
    let (answer, [open, received, bytes, sent, _, failed]) = asked(&own, address).await;
    let Err(PeerError::Refused(why)) = answer else { panic!("{answer:?}") };
    assert!(why.starts_with("its answer is "), "{why}");
    assert_eq!([open, received, bytes, sent, failed], [0.0, 1.0, 11.0, 1.0, 1.0]);
}

#[tokio::test]
async fn where_nobody_is_only_the_question_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let own = seal(1);
    let (answer, [open, received, bytes, sent, _, failed]) = asked(&own, address).await;
    assert!(matches!(answer, Err(PeerError::Unreachable(_))), "{answer:?}");
    assert_eq!([open, received, bytes, sent, failed], [0.0, 0.0, 0.0, 1.0, 1.0]);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_none() {
    let own = seal(1);
    let body = Bytes::from(vec![0; LIMIT + Channel::OVERHEAD + 1]);
    let (address, _tasks) = peer(move |_| (StatusCode::OK, body.clone())).await;
    let (answer, [open, received, _, sent, _, failed]) = asked(&own, address).await;
    assert!(matches!(answer, Err(PeerError::Refused(_))), "{answer:?}");
    assert_eq!([open, received, sent, failed], [0.0, 0.0, 1.0, 1.0]);
}

/// A way with TLS, which trusts the authority of the tests and shows no certificate.
fn encrypted(seal: &PeerSeal) -> PeerAccess {
    let ca = include_str!("../../server/tests/tls/ca.pem");
    let tls = client::Tls { ca: Some(Source::Inline(Secret::new(ca))), ..client::Tls::default() };
    let (_, http) = watch::channel(Arc::default());
    PeerAccess::new(Some(tls), http, seal.clone()).expect("one authority")
}

/// Somebody who reads the beginning of whatever comes, says this, and closes the connection.
async fn speaker(says: &'static [u8]) -> (SocketAddr, JoinSet<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let address = listener.local_addr().expect("it is bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(says).await;
        }
    });
    (address, tasks)
}

/// Which of the two it is decides whether a node that finds nobody else becomes a cluster of its own.
/// Whole nodes that do not understand each other are tested with the server.
#[tokio::test]
async fn whoever_says_anything_is_there_and_whoever_breaks_off_need_not_be() {
    const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 10];
    const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nwe";
    let own = seal(1);
    for (says, tls, there) in [
        (ALERT, false, true),
        (b"SSH-2.0-OpenSSH_9.6\r\n", false, true),
        (b"", false, false),
        (SHORT, false, false),
        (ALERT, true, true),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", true, true),
        // Whoever expects plain HTTP may close the connection without a word.
        (b"", true, true),
    ] {
        let (address, _tasks) = speaker(says).await;
        let access = if tls { encrypted(&own) } else { access(&own) };
        let answer = access.post(address, PATH, Bytes::new(), LIMIT, TIMEOUT).await;
        let says = String::from_utf8_lossy(says);
        match (answer, there) {
            (Err(PeerError::Refused(_)), true) | (Err(PeerError::Unreachable(_)), false) => {}
            (answer, _) => panic!("{says:?}, TLS {tls}: {answer:?}"),
        }
    }
    let (nobody, tasks) = speaker(b"").await;
    drop(tasks);
    let answer = encrypted(&own).post(nobody, PATH, Bytes::new(), LIMIT, TIMEOUT).await;
    assert!(matches!(answer, Err(PeerError::Unreachable(_))), "{answer:?}");
}
