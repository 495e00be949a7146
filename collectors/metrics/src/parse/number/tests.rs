use proptest::prelude::*;

use super::*;

#[test]
fn values_are_read_as_the_formats_say() {
    for (text, value) in [
        ("0", Some(0.0)),
        ("1", Some(1.0)),
        ("-1.5", Some(-1.5)),
        ("+1", Some(1.0)),
        (".5", Some(0.5)),
        ("5.", Some(5.0)),
        ("1e3", Some(1000.0)),
        ("1.7560473e+07", Some(17_560_473.0)),
        ("123456789012345678901234567890", Some(1.234_567_890_123_456_8e29)),
        ("9007199254740993", Some(9_007_199_254_740_992.0)),
        ("+Inf", Some(f64::INFINITY)),
        ("-inf", Some(f64::NEG_INFINITY)),
        ("Infinity", Some(f64::INFINITY)),
        ("", None),
        (".", None),
        ("-", None),
        ("1.2.3", None),
        ("1_000", None),
        ("0x10", None),
        ("1e999", None),
        ("one", None),
        ("1 ", None),
    ] {
        assert_eq!(parse_value(text.as_bytes()), value, "{text}");
    }
}

#[test]
fn a_nan_is_never_the_staleness_marker() {
    for text in ["NaN", "nan", "-NaN"] {
        let value = parse_value(text.as_bytes()).unwrap();
        assert!(value.is_nan() && !model::is_stale(value));
    }
}

#[test]
fn minus_zero_keeps_its_sign() {
    assert!(parse_value(b"-0").unwrap().is_sign_negative());
}

#[test]
fn seconds_become_the_nearest_millisecond() {
    assert_eq!(parse_seconds(b"1520879607.789"), Some(1_520_879_607_789));
    assert_eq!(parse_seconds(b"-1.5"), Some(-1500));
    assert_eq!(parse_seconds(b"NaN"), None);
    assert_eq!(parse_seconds(b"1e30"), None);
}

#[test]
fn bounds_are_written_as_go_writes_them() {
    for (value, text) in [
        (0.0, "0.0"),
        (1.0, "1.0"),
        (-1.0, "-1.0"),
        (0.5, "0.5"),
        (100.0, "100.0"),
        (1e20, "100000000000000000000.0"),
        (1e21, "1e+21"),
        (2.5e-7, "2.5e-07"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(format_float(value), text);
    }
}

proptest! {
    #[test]
    fn every_decimal_is_read_as_the_standard_library_reads_it(text in "-?[0-9]{1,20}(\\.[0-9]{0,20})?(e-?[0-9]{1,2})?") {
        let expected: f64 = text.parse().unwrap();
        prop_assert_eq!(parse_value(text.as_bytes()).map(f64::to_bits), Some(expected.to_bits()));
    }

    #[test]
    fn every_float_survives_being_written(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = format!("{value}");
        prop_assert_eq!(parse_value(text.as_bytes()).map(f64::to_bits), Some(bits));
    }
}
