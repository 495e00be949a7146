use super::*;

#[test]
fn instants_are_written_as_rfc_3339() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(rfc3339(millis), text);
    }
}

#[test]
fn days_follow_one_another_for_eight_centuries() {
    let mut last = civil(-146_097);
    for days in -146_096..146_097 {
        let date = civil(days);
        let next_day = date.2 == last.2 + 1 && (date.0, date.1) == (last.0, last.1);
        let next_month = date.2 == 1 && last.2 >= 28 && (date.0, date.1) > (last.0, last.1);
        assert!(next_day || next_month, "{last:?} then {date:?}");
        last = date;
    }
}

#[test]
fn what_can_be_written_with_four_digits_of_a_year_is_plausible() {
    assert_eq!(rfc3339(LAST), "9999-12-31T23:59:59.999Z");
    assert!(is_plausible(0) && is_plausible(LAST));
    assert!(!is_plausible(-1) && !is_plausible(LAST + 1) && !is_plausible(i64::MAX));
}
