use proptest::prelude::*;

use super::*;

#[test]
fn durations_are_read_as_prometheus_reads_them() {
    let cases = [
        ("0", Ok(0)),
        ("0s", Ok(0)),
        ("324ms", Ok(324)),
        ("3s", Ok(3_000)),
        ("5m", Ok(300_000)),
        ("1h", Ok(3_600_000)),
        ("4d", Ok(4 * 86_400_000)),
        ("4d1h", Ok(4 * 86_400_000 + 3_600_000)),
        ("3w", Ok(21 * 86_400_000)),
        ("10y", Ok(3_650 * 86_400_000)),
        ("1y2w3d4h5m6s7ms", Ok(((((365 + 17) * 24 + 4) * 60 + 5) * 60 + 6) * 1000 + 7)),
        ("", Err("empty")),
        ("1", Err("is no duration")),
        ("h", Err("is no duration")),
        ("1.5h", Err("is no unit")),
        ("-1w", Err("is no duration")),
        ("1d1d", Err("is no duration")),
        ("1s1m", Err("is no duration")),
        ("1us", Err("is no unit")),
        (" 1s", Err("is no duration")),
        ("293y", Err("292 years")),
        ("99999999999999999999s", Err("292 years")),
    ];
    for (text, expected) in cases {
        match (parse(text), expected) {
            (Ok(read), Ok(millis)) => assert_eq!(read.as_millis(), millis, "{text:?}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{text:?}: {error}");
            }
            (read, _) => panic!("{text:?} gave {read:?}"),
        }
    }
}

#[test]
fn durations_are_written_as_prometheus_writes_them() {
    let cases = [(0, "0s"), (324, "324ms"), (90 * 86_400_000, "90d"), (604_800_000, "1w")];
    for (millis, text) in cases {
        assert_eq!(format(Duration::from_millis(millis)), text);
    }
    assert_eq!(format(Duration::from_micros(15_000_400)), "15s");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(millis in 0..=MAX_MILLIS) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse(&format(duration)), Ok(duration));
    }
}
