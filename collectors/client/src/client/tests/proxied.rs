//! Through an HTTP proxy.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::config::Tls;
use crate::testing::{CA, SERVER, server_tls};

fn through(url: String) -> Config {
    Config {
        proxy: Proxy { url: Some(url.into()), ..Proxy::default() },
        tls: Tls { ca: inline(CA), ..Tls::default() },
        ..Config::default()
    }
}

/// A proxy that takes one `CONNECT`, answers with `answer` and, if that grants it, connects to
/// `target`. Its task ends with the head of the request that it got.
async fn connect_proxy(
    answer: &'static str,
    target: Option<std::net::SocketAddr>,
) -> (String, JoinSet<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).await.unwrap() > 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        if let Some(target) = target {
            let mut target = TcpStream::connect(target).await.unwrap();
            // It ends when the client closes its side, however it does that.
            drop(copy_bidirectional(&mut stream, &mut target).await);
        }
        head
    });
    (address, tasks)
}

#[tokio::test]
async fn a_plain_target_is_asked_for_with_its_whole_url() {
    let proxy = Server::start(|request| {
        let authorization = header(&request, "proxy-authorization");
        answer(format!("{} {authorization}", request.uri()))
    })
    .await;
    let client = client(through(format!("http://u:p@{}", proxy.address)));
    let seen = text(&client, get("http://target.example/metrics?x=y")).await;
    assert_eq!(seen, "http://target.example/metrics?x=y Basic dTpw");
}

#[tokio::test]
async fn a_tls_target_is_reached_through_a_tunnel() {
    let server = Server::start_tls(server_tls(SERVER, false, false), |_| answer("inside")).await;
    let granted = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    let (proxy, mut tasks) = connect_proxy(granted, Some(server.address)).await;
    let mut config = through(format!("http://u:p@{proxy}"));
    config.proxy.connect_headers = vec![("X-Tunnel".to_owned(), vec!["one".into()])];
    let client = client(config);
    let url = format!("https://localhost:{}/", server.address.port());
    assert_eq!(text(&client, get(&url)).await, "inside");
    drop(client);

    let head = tasks.join_next().await.unwrap().unwrap();
    let target = format!("CONNECT localhost:{} HTTP/1.1\r\n", server.address.port());
    assert!(head.starts_with(&target), "{head}");
    assert!(head.contains("proxy-authorization: Basic dTpw\r\n"), "{head}");
    assert!(head.contains("x-tunnel: one\r\n"), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_and_whether_to_try_again_depends_on_its_answer() {
    for (answer, transient) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", false),
        ("HTTP/1.1 503 Busy\r\n\r\n", true),
    ] {
        let (proxy, _tasks) = connect_proxy(answer, None).await;
        let client = client(through(format!("http://u:hunter2@{proxy}")));
        let error = client.send(get("https://target.example/")).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&proxy) && message.contains(&answer[..12]), "{message}");
        assert!(message.contains("https://target.example:443"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert_eq!(error.is_transient(), transient, "{message}");
    }
}

#[tokio::test]
async fn an_excepted_host_is_reached_directly() {
    let server = Server::start(|_| answer("direct")).await;
    let mut config = through("http://127.0.0.1:1".to_owned());
    config.proxy.no_proxy = "127.0.0.0/8".to_owned();
    assert_eq!(text(&client(config), get(&server.url("/"))).await, "direct");
}

#[tokio::test]
async fn a_proxy_that_speaks_tls_is_asked_over_tls() {
    let proxy = Server::start_tls(server_tls(SERVER, true, false), |request| {
        answer(format!("{:?} {}", request.version(), request.uri()))
    })
    .await;
    let client = client(through(format!("https://localhost:{}", proxy.address.port())));
    let seen = text(&client, get("http://target.example/x")).await;
    assert_eq!(seen, "HTTP/1.1 http://target.example/x");
}

/// A SOCKS 5 proxy for one connection, whose task ends with the user and the host that it was
/// told.
async fn socks_proxy(target: std::net::SocketAddr) -> (String, JoinSet<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // RFC 1928: version and methods; RFC 1929: user and password.
        assert_eq!(stream.read_u8().await.unwrap(), 5);
        let methods = prefixed(&mut stream).await;
        assert!(methods.contains('\u{2}'));
        stream.write_all(&[5, 2]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 1);
        let user = format!("{}:{}", prefixed(&mut stream).await, prefixed(&mut stream).await);
        stream.write_all(&[1, 0]).await.unwrap();
        // Connect, to a name.
        let mut head = [0; 4];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head, [5, 1, 0, 3]);
        let host = format!("{}:{}", prefixed(&mut stream).await, stream.read_u16().await.unwrap());
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        let mut target = TcpStream::connect(target).await.unwrap();
        drop(copy_bidirectional(&mut stream, &mut target).await);
        (user, host)
    });
    (address, tasks)
}

/// A text with its length in a byte before it.
async fn prefixed(stream: &mut TcpStream) -> String {
    let mut text = vec![0; usize::from(stream.read_u8().await.unwrap())];
    stream.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_socks_proxy_resolves_the_name_and_sees_nothing_else() {
    let server = Server::start(|request| answer(header(&request, "host").to_owned())).await;
    let (proxy, mut tasks) = socks_proxy(server.address).await;
    let client = client(through(format!("socks5://u:p@{proxy}")));
    assert_eq!(text(&client, get("http://target.example/")).await, "target.example");
    drop(client);
    let told = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(told, ("u:p".to_owned(), "target.example:80".to_owned()));
}
