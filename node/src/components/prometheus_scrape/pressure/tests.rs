use super::*;

fn counted(overdue: u64, scrapes: u64) -> Counted {
    Counted { overdue, held: 0, scrapes }
}

#[test]
fn an_overload_names_what_most_ticks_waited_for() {
    for (held, named) in [(100, "their turn"), (200, "the destination")] {
        let said = Pressure::default().look(Counted { held, ..counted(300, 1000) }).unwrap();
        assert!(said.contains(&format!("most waited for {named}")), "{said}");
    }
}

#[test]
fn a_node_that_keeps_up_says_nothing() {
    let mut pressure = Pressure::default();
    for look in 1..100 {
        assert_eq!(pressure.look(counted(0, 1000 * look)), None);
    }
    // A busy moment: one in twenty.
    assert_eq!(pressure.look(counted(50, 100_000)), None);
}

#[test]
fn overdue_ticks_are_overload_until_they_are_a_minute_ago() {
    let mut pressure = Pressure::default();
    pressure.look(counted(0, 1000));
    let said = pressure.look(counted(300, 2000)).expect("a third of all is overdue");
    assert!(said.starts_with("overloaded: 300 scrapes"), "{said}");
    assert!(pressure.look(counted(300, 3000)).is_some());
    assert!(pressure.look(counted(300, 4000)).is_some());
    assert!(pressure.look(counted(300, 5000)).is_some());
    assert_eq!(pressure.look(counted(300, 6000)), None);
}

#[test]
fn a_node_that_scrapes_nothing_at_all_is_overloaded_too_but_not_by_a_single_tick() {
    let mut pressure = Pressure::default();
    assert_eq!(pressure.look(counted(2, 0)), None);
    assert!(pressure.look(counted(9, 0)).is_some());
}
