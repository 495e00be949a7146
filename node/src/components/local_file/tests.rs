use super::*;
use crate::components::testing::decode;

#[test]
fn every_argument_reaches_the_source() {
    for (more, detector, poll_frequency) in [
        ("", Detector::Watch, Duration::from_secs(60)),
        ("detector = \"fsnotify\"", Detector::Watch, Duration::from_secs(60)),
        ("detector = \"poll\"\npoll_frequency = \"7s\"", Detector::Poll, Duration::from_secs(7)),
    ] {
        let input: Input = decode(&format!("filename = \"/f\"\n{more}")).expect("it is right");
        let expected = FileConfig { path: "/f".into(), detector, poll_frequency };
        assert_eq!(input.config(), expected, "{more}");
    }
}
