use super::*;
use crate::components::testing::decode;

#[test]
fn every_argument_reaches_the_source() {
    for (more, refresh_interval) in
        [("", Duration::from_secs(300)), ("refresh_interval = \"7s\"", Duration::from_secs(7))]
    {
        let body = format!("files = [\"/a.json\", \"/b/*.yml\"]\n{more}");
        let input: Input = decode(&body).expect("it is right");
        let files = vec!["/a.json".to_owned(), "/b/*.yml".to_owned()];
        assert_eq!(input.config(), Config { files, refresh_interval });
    }
}
