use super::*;
use crate::components::testing::decode;

fn config(body: &str) -> Config {
    decode::<Input>(body).expect("it is right").config()
}

#[test]
fn every_argument_reaches_the_source() {
    for (name, record) in [
        ("SRV", Record::Srv),
        ("A", Record::A),
        ("a", Record::A),
        ("Srv", Record::Srv),
        ("AAAA", Record::Aaaa),
        ("MX", Record::Mx),
        ("NS", Record::Ns),
    ] {
        let body = format!(
            "names = [\"a.example\", \"b.example\"]\ntype = {name:?}\nport = 81\n\
             refresh_interval = \"7s\""
        );
        let expected = Config {
            names: vec!["a.example".to_owned(), "b.example".to_owned()],
            record,
            port: Some(81),
            refresh_interval: Duration::from_secs(7),
            name_server: None,
        };
        assert_eq!(config(&body), expected);
    }
}

#[test]
fn what_is_not_written_is_the_default() {
    let expected = Config {
        names: vec!["a.example".to_owned()],
        record: Record::Srv,
        port: None,
        refresh_interval: Duration::from_secs(30),
        name_server: None,
    };
    assert_eq!(config("names = [\"a.example\"]"), expected);
}
