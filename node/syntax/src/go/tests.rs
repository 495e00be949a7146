use std::time::Duration;

use super::{duration, size};

#[test]
fn durations_are_go_s() {
    let cases = [
        ("0", 0),
        ("0s", 0),
        ("+5s", 5_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5ms", 500_000),
        ("1h1h", 7_200_000_000_000),
        ("3us4\u{b5}s5\u{3bc}s6ns", 12_006),
        ("0.3333333333333333333h", 1_200_000_000_000),
    ];
    for (text, nanos) in cases {
        let parsed = duration::parse(text).expect(text).as_nanos();
        // Go truncates below a nanosecond, and so do we, digit by digit.
        assert!(parsed.abs_diff(nanos) <= 20, "{text}: {parsed}");
    }
    for wrong in ["", "1", "s", ".s", "-1s", "1d", "1 s", "1.2.3s", "300y", "9999999h", "1e3s"] {
        assert!(duration::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(duration::parse("-0s"), Ok(Duration::ZERO));
}

#[test]
fn durations_are_written_as_go_writes_them() {
    let cases = [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5\u{b5}s"),
        (250_000_000, "250ms"),
        (1_500_000_000, "1.5s"),
        (60_000_000_000, "1m0s"),
        (5_400_000_000_000, "1h30m0s"),
    ];
    for (nanos, text) in cases {
        assert_eq!(duration::format(Duration::from_nanos(nanos)), text);
    }
}

#[test]
fn a_duration_that_is_written_reads_back() {
    proptest::proptest!(|(nanos in 0..i64::MAX as u64)| {
        let duration = Duration::from_nanos(nanos);
        proptest::prop_assert_eq!(duration::parse(&duration::format(duration)), Ok(duration));
    });
}

#[test]
fn sizes_have_units_of_base_two() {
    let cases = [
        ("512", 512),
        ("0", 0),
        ("1KiB", 1 << 10),
        ("1KB", 1 << 10),
        ("10 MiB", 10 << 20),
        ("1.5GiB", 3 << 29),
        ("15EiB", 15 << 60),
        ("7B", 7),
    ];
    for (text, bytes) in cases {
        assert_eq!(size::parse(text), Ok(bytes), "{text}");
    }
    for wrong in ["", "MiB", "1XB", "-1", "1KiBs", "16EiB", "1.2.3KB", "99999999999999999999"] {
        assert!(size::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_size_that_is_written_reads_back() {
    proptest::proptest!(|(bytes: u64)| {
        proptest::prop_assert_eq!(size::parse(&size::format(bytes)), Ok(bytes));
    });
    assert_eq!(size::format(10 << 20), "10MiB");
    assert_eq!(size::format(0), "0B");
}
