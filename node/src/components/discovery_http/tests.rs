use super::*;
use crate::components::testing::decode;

#[test]
fn every_argument_reaches_the_source() {
    for (more, refresh_interval) in
        [("", Duration::from_secs(60)), ("refresh_interval = \"7s\"", Duration::from_secs(7))]
    {
        let body = format!("url = \"http://there/x\"\n{more}");
        let input: Input = decode(&body).expect("it is right");
        assert_eq!(input.config(), Config { url: "http://there/x".to_owned(), refresh_interval });
    }
}
