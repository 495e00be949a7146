use super::*;
use crate::components::testing::decode;

#[test]
fn every_argument_reaches_the_source() {
    let input: Input = decode(
        r#"
        url            = "https://there/x"
        poll_frequency = "7s"
        poll_timeout   = "3s"
        is_secret      = true
        method         = "PUT"
        headers        = { "X-A" = "b", "X-C" = "d" }
        body           = "text"
        client {
            proxy_url = "http://proxy:3128"
        }
        "#,
    )
    .expect("it is right");
    let header = |name: &str, value| (name.to_owned(), vec![Secret::new(value)]);
    let expected = HttpConfig {
        url: "https://there/x".to_owned(),
        method: "PUT".to_owned(),
        headers: vec![header("X-A", "b"), header("X-C", "d")],
        body: "text".to_owned(),
        poll_frequency: Duration::from_secs(7),
        poll_timeout: Duration::from_secs(3),
    };
    assert_eq!(input.config(), expected);
    assert!(input.is_secret);
    let block: HttpClient = decode("proxy_url = \"http://proxy:3128\"").expect("it is right");
    assert_eq!(input.client(), block.config(true));
}

#[test]
fn what_is_not_written_is_the_default() {
    let input: Input = decode("url = \"http://there/\"").expect("it is right");
    let expected = HttpConfig {
        url: "http://there/".to_owned(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: String::new(),
        poll_frequency: Duration::from_secs(60),
        poll_timeout: Duration::from_secs(10),
    };
    assert_eq!((input.config(), input.client()), (expected, client::Config::default()));
    assert!(!input.is_secret);
}

#[test]
fn headers_that_follow_from_the_request_are_refused_and_others_are_not() {
    for name in ["Host", "content-length", "Transfer-Encoding"] {
        let body = format!("url = \"http://there/\"\nheaders = {{ {name:?} = \"5\" }}");
        let told = decode::<Input>(&body).err();
        let expected = format!("2: the header {name:?} is set by what url and body say");
        assert_eq!(told, Some(expected));
    }
    for name in ["Authorization", "Content-Type", "User-Agent", "Accept-Encoding"] {
        let body = format!("url = \"http://there/\"\nheaders = {{ {name:?} = \"a\" }}");
        assert_eq!(decode::<Input>(&body).err(), None);
    }
}
