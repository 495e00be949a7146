//! Where an answer sends us, and what is taken along.

use http::header::LOCATION;

use super::*;

fn redirect(status: u16, location: &str) -> Answer {
    HttpResponse::builder().status(status).header(LOCATION, location).body(Full::default()).unwrap()
}

fn with_everything() -> Config {
    Config {
        headers: vec![("X-Key".to_owned(), vec!["secret".into()])],
        ..with_credentials(Credentials::bearer(inline("token").unwrap()))
    }
}

/// Answers with what a request brought along.
fn luggage(request: &Request<Bytes>) -> Answer {
    let [authorization, key, cookie] =
        ["authorization", "x-key", "cookie"].map(|name| header(request, name));
    answer(format!("{authorization},{key},{cookie}"))
}

fn with_cookie(url: &str) -> Request<Bytes> {
    let mut request = get(url);
    request.headers_mut().insert(COOKIE, HeaderValue::from_static("crumb"));
    request
}

#[tokio::test]
async fn credentials_follow_a_redirect_on_the_same_host() {
    let server = Server::start(|request| match request.uri().path() {
        "/old" => redirect(302, "/new?x=1"),
        "/new" => luggage(&request),
        path => panic!("{path}"),
    })
    .await;
    let client = client(with_everything());
    let request = with_cookie(&server.url("/old"));
    assert_eq!(text(&client, request).await, "Bearer token,secret,crumb");
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let other = Server::start(|request| luggage(&request)).await;
    // Another name for the same machine, and another port.
    let away = format!("http://localhost:{}/", other.address.port());
    let server = Server::start(move |_| redirect(307, &away)).await;
    let client = client(with_everything());
    assert_eq!(text(&client, with_cookie(&server.url("/"))).await, ",,");
}

#[tokio::test]
async fn a_post_becomes_a_get_on_302_and_stays_a_post_on_308() {
    let server = Server::start(|request| match request.uri().path() {
        "/302" => redirect(302, "/end"),
        "/308" => redirect(308, "/end"),
        _ => {
            let kind = header(&request, "content-type").to_owned();
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            answer(format!("{} {body} {kind}", request.method()))
        }
    })
    .await;
    let client = client(Config::default());
    let post = |path| {
        Request::post(server.url(path))
            .header("content-type", "text/x")
            .body(Bytes::from_static(b"body"))
            .unwrap()
    };
    assert_eq!(text(&client, post("/302")).await, "GET  ");
    assert_eq!(text(&client, post("/308")).await, "POST body text/x");
    // Unless the body has to arrive.
    assert_eq!(client.deliver(post("/302")).await.unwrap().status(), 302);
    let delivered = client.deliver(post("/308")).await.unwrap();
    assert_eq!(delivered.excerpt(100).await, "POST body text/x");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = Server::start(|_| redirect(301, "/again")).await;
    let error = client(Config::default()).send(get(&server.url("/"))).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects(10)), "{error:?}");
}

#[tokio::test]
async fn redirects_are_answers_for_those_who_do_not_follow() {
    let server = Server::start(|_| redirect(301, "/again")).await;
    let client = client(Config { follow_redirects: false, ..Config::default() });
    assert_eq!(client.send(get(&server.url("/"))).await.unwrap().status(), 301);
}

#[tokio::test]
async fn a_redirect_without_a_location_is_an_answer() {
    let server = Server::start(|_| status(302, "nowhere")).await;
    let response = client(Config::default()).send(get(&server.url("/"))).await.unwrap();
    assert_eq!(response.status(), 302);
}
