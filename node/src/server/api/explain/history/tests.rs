use super::*;

fn record(action: &str, at: i64, overlap: bool) -> Recorded {
    Recorded {
        at,
        action: action.to_owned(),
        from: String::new(),
        to: String::new(),
        cause: "crash".to_owned(),
        last_tick: None,
        first_tick: None,
        last_heard: None,
        took_micros: 0,
        overlap,
    }
}

#[test]
fn a_gap_is_open_as_long_as_there_may_be_a_first_tick() {
    let start = Recorded { last_tick: Some(1000), ..record("start", 1500, false) };
    let began = Recorded { first_tick: Some(2000), ..start.clone() };
    let told = |record: &Recorded, later: &[(&str, &str)]| {
        let later = later.iter().map(|(node, what)| ((*node).to_owned(), record_at(what)));
        let records: Vec<_> =
            std::iter::once(("b".to_owned(), record.clone())).chain(later).collect();
        let told = History::of(&records, Key::from(0), NonZeroU64::new(1000)).swap_remove(0);
        (told.gap_open, told.gap_seconds)
    };
    assert_eq!(told(&start, &[]), (true, None));
    assert_eq!(told(&start, &[("a", "stop")]), (true, None));
    assert_eq!(told(&start, &[("b", "stop")]), (false, None));
    assert_eq!(told(&began, &[]), (false, Some(0.0)));
}

fn record_at(what: &str) -> Recorded {
    record(what, 2500, false)
}

#[test]
fn the_overlap_of_a_move_ends_when_one_of_both_stops() {
    let after = |doings: &[(&str, &str, i64)]| {
        let start = ("b".to_owned(), record("start", 1000, true));
        let later =
            doings.iter().map(|(node, what, at)| ((*node).to_owned(), record(what, *at, false)));
        let records: Vec<_> = std::iter::once(start).chain(later).collect();
        beside(&records, 0)
    };
    assert_eq!(after(&[("a", "stop", 3500)]), Some(2500));
    assert_eq!(after(&[("a", "stop", 3500), ("c", "stop", 4000)]), Some(3000));
    assert_eq!(after(&[]), None, "it goes on, or the other one is dead");
    assert_eq!(after(&[("b", "stop", 2000), ("a", "stop", 3500)]), Some(1000), "a ran all along");
    assert_eq!(after(&[("b", "stop", 2000), ("a", "start", 2100), ("a", "stop", 3500)]), None);
    assert_eq!(after(&[("a", "start", 2000), ("a", "stop", 3500)]), None, "a did not run at first");
    // It is given back to the node that never stopped, or that began only then.
    let given_back = Recorded { to: "a".to_owned(), ..record("stop", 4000, false) };
    let start = ("b".to_owned(), record("start", 1000, true));
    let mut records = vec![start, ("b".to_owned(), given_back)];
    assert_eq!(beside(&records, 0), Some(3000));
    records.push(("a".to_owned(), record("start", 4001, false)));
    assert_eq!(beside(&records, 0), None);
    let sealed =
        [("b".to_owned(), record("start", 1, false)), ("a".to_owned(), record("stop", 2, false))];
    assert_eq!((beside(&sealed, 0), beside(&sealed, 1)), (Some(0), None));
}

#[test]
fn a_node_is_believed_what_it_did_and_nothing_of_others() {
    let told = |node: &str| Told {
        node: node.to_owned(),
        component: "prometheus.scrape.a".to_owned(),
        key: 1,
        record: record("start", 1, false),
    };
    let remembered = |told: &[Told]| Remembered { forgotten: true, told: told.to_vec() };
    let body = |told: &[Told]| wire::encode(&remembered(told)).expect("it can be said");
    assert_eq!(read("b", &body(&[told("b")])), Ok(remembered(&[told("b")])));
    assert!(read("b", &body(&[told("b"), told("a")])).is_err());
    for odd in [i64::MIN, -1, i64::MAX] {
        let mut lies = [told("b"), told("b"), told("b"), told("b")];
        lies[0].record.at = odd;
        lies[1].record.last_tick = Some(odd);
        lies[2].record.last_heard = Some(odd);
        lies[3].record.first_tick = Some(odd);
        assert!(
            lies.iter().all(|lie| read("b", &body(std::slice::from_ref(lie))).is_err()),
            "{odd}"
        );
    }
}
