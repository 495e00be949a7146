use std::io::Read as _;

use http::StatusCode;

use super::super::reply;
use super::*;

fn headers(accept: &str) -> HeaderMap {
    let value = HeaderValue::from_str(accept).expect("a value");
    HeaderMap::from_iter([(ACCEPT_ENCODING, value)])
}

#[test]
fn clients_say_what_they_take() {
    for (accept, gzip) in [
        ("gzip", true),
        ("deflate, gzip;q=0.5", true),
        ("*", true),
        ("identity", false),
        ("gzip;q=0", false),
        ("gzipped", false),
        ("", false),
    ] {
        assert_eq!(accepts_gzip(&headers(accept)), gzip, "{accept}");
    }
    assert!(!accepts_gzip(&HeaderMap::new()));
}

#[tokio::test]
async fn long_texts_are_compressed_and_nothing_else() {
    for length in [LEAST, INLINE + 1] {
        let text = "metric 1\n".repeat(length);
        let compressed = gzip(reply::text(StatusCode::OK, text.clone())).await;
        assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(compressed.headers()[VARY], "Accept-Encoding");
        let mut read = String::new();
        let mut decoder = flate2::read::GzDecoder::new(compressed.body().as_ref());
        decoder.read_to_string(&mut read).expect("it is gzip");
        assert!(read == text, "it is what it was");
    }
    let short = gzip(reply::text(StatusCode::OK, "short")).await;
    assert!(!short.headers().contains_key(CONTENT_ENCODING));
    let bytes = Bytes::from(vec![0; 10_000]);
    let other = gzip(reply::with(StatusCode::OK, "application/octet-stream", bytes)).await;
    assert!(!other.headers().contains_key(CONTENT_ENCODING));
}
