use std::collections::BTreeMap;
use std::time::Duration;

use model::{Labels, STALE_NAN};

use super::course::{Course, Expected, REPORTS, courses, on_the_way};
use super::table::{Crash, Goal, Suspicions, Table};
use super::{Arguments, BackendKind, Event, EventKind, Scenario, picture, run};
use crate::exporter::SCRAPES;
use crate::ledger::{Account, Objection, ObjectionKind, Sample, SeriesAccount, Stored};

const INTERVAL: i64 = 1000;

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("instance", "x"), ("release", "1")])
}

/// A series of target `x`: when, and by which node.
fn series(name: &str, ticks: &[(i64, u64)]) -> SeriesAccount {
    let stored = |(at, by): &(i64, u64)| Stored { at: *at, value: 1.0, times: 1, by: *by };
    SeriesAccount { labels: labels(name), ticks: ticks.iter().map(stored).collect() }
}

fn account(series: Vec<SeriesAccount>) -> Account {
    Account {
        nodes: vec!["a".to_owned(), "b".to_owned()],
        series,
        rejected: BTreeMap::new(),
        objections: Vec::new(),
        refused: BTreeMap::new(),
        kept_twice: 0,
    }
}

fn expected(from: i64, until: i64) -> Expected {
    let (instance, release) = ("x".to_owned(), "1".to_owned());
    Expected { instance, release, series: 1, from, until, ends: false }
}

fn course_of(series: Vec<SeriesAccount>, expected: &Expected) -> Course {
    let [course] = courses(&account(series), std::slice::from_ref(expected), INTERVAL)
        .try_into()
        .expect("one course for one target");
    course
}

/// The courses of one target whose `up` has these ticks, all between 0 and 5 s being expected.
fn up(ticks: &[(i64, u64)]) -> Course {
    course_of(vec![series("up", ticks)], &expected(0, 5000))
}

fn missing(course: &Course) -> Vec<i64> {
    course.missing().map(|tick| tick.at).collect()
}

#[test]
fn every_tick_between_the_first_and_the_last_instant_is_expected() {
    let course = up(&[(300, 1), (1300, 1), (2300, 1), (3300, 1), (4300, 1)]);
    assert_eq!(course.ticks.len(), 5);
    assert_eq!(missing(&course), [0; 0]);

    let course = up(&[(1300, 1), (2300, 1), (3300, 2)]);
    assert_eq!(missing(&course), [300, 4300], "also where the first and the last are missing");
    assert_eq!(course.moves().count(), 1);
}

#[test]
fn a_target_that_never_arrived_misses_every_tick() {
    let course = course_of(Vec::new(), &expected(0, 5000));
    assert_eq!(course.missing().count(), 6);
}

#[test]
fn a_tick_that_one_series_lacks_is_missing() {
    let whole = series("up", &[(0, 1), (1000, 1), (2000, 1)]);
    let torn = series("node_load1", &[(0, 1), (2000, 1)]);
    let course = course_of(vec![whole, torn], &expected(0, 2000));
    assert_eq!(missing(&course), [1000]);
}

#[test]
fn a_series_that_never_arrived_lacks_every_tick_but_those_of_failed_scrapes() {
    let mut all: Vec<SeriesAccount> =
        REPORTS.iter().map(|name| series(name, &[(0, 1), (1000, 1), (2000, 1)])).collect();
    all[0].ticks[1].value = 0.0;
    let whole = Expected { series: REPORTS.len(), ..expected(0, 2000) };
    assert_eq!(missing(&course_of(all.clone(), &whole)), [0; 0]);
    assert_eq!(on_the_way(&account(all.clone()), std::slice::from_ref(&whole)), [&whole; 0]);
    // One of the page's, of which a failed scrape has none.
    let paged = Expected { series: REPORTS.len() + 1, ..whole.clone() };
    assert_eq!(missing(&course_of(all.clone(), &paged)), [0, 2000]);
    assert_eq!(on_the_way(&account(all.clone()), std::slice::from_ref(&paged)), [&paged]);
    all.pop();
    assert_eq!(missing(&course_of(all, &whole)), [0, 1000, 2000], "one of the reports");
}

#[test]
fn a_failed_scrape_is_no_gap_of_the_move_and_what_it_ended_is_no_false_end() {
    let mut up = series("up", &[(0, 1), (1000, 1), (2000, 1)]);
    up.ticks[1].value = 0.0;
    let mut load = series("node_load1", &[(0, 1), (1000, 1), (2000, 1)]);
    load.ticks[1].value = STALE_NAN;
    let course = course_of(vec![up, load], &expected(0, 2000));
    assert_eq!(missing(&course), [0; 0]);
    assert_eq!(course.false_stale, [0; 0]);
    assert!(course.ticks[1].failed);
}

#[test]
fn doubles_are_found_at_one_timestamp_and_at_one_tick() {
    let mut twice = series("up", &[(0, 1), (1000, 3), (2000, 2)]);
    twice.ticks[1].times = 2;
    let course = course_of(vec![twice], &expected(0, 2000));
    assert_eq!(course.doubles().map(|tick| tick.at).collect::<Vec<_>>(), [1000]);
    assert_eq!(course.torn().count(), 0);

    let late = series("up", &[(0, 1), (1000, 1), (1400, 2), (2000, 2)]);
    let course = course_of(vec![late], &expected(0, 2000));
    assert_eq!(course.doubles().count(), 1, "one of them was late");
    assert_eq!(course.torn().count(), 1, "and bears its own time");
}

#[test]
fn an_overlap_excuses_a_tick_at_two_times_only_where_a_scrape_was_late() {
    let overlap = Goal { overlap: Some(6000), ..Goal::default() };
    let ticks = [(0, 1), (1000, 1), (2000, 1), (3000, 1), (4000, 1), (5000, 1), (6000, 1)];
    let mut late = ticks.to_vec();
    late.insert(2, (1400, 2));
    let judged = table(vec![series("up", &late)], &overlap);
    assert_eq!(judged.count("ticks stored at two times"), 1);
    assert!(judged.met(), "{judged}");
    let mut twice = series("up", &ticks);
    (twice.ticks[3].times, twice.ticks[3].by) = (2, 3);
    let until = |until| Goal { overlap: Some(until), ..Goal::default() };
    assert!(table(vec![twice.clone()], &until(3000)).met(), "the overlap lasts until then");
    let judged = table(vec![twice], &until(2999));
    assert_eq!(judged.count("written twice after the overlap"), 1);
    assert!(!judged.met() && judged.to_string().contains("more than once at 00:00:03"), "{judged}");
    // In another series than those that tell of scrapes, and so of nothing that was late.
    let judged = table(vec![series("up", &ticks), series("node_load1", &late)], &overlap);
    assert!(!judged.met(), "{judged}");
}

#[test]
fn lateness_is_no_jump_and_another_phase_is() {
    let late = up(&[(0, 1), (1000, 1), (2170, 1), (3000, 1), (4000, 1), (5000, 1)]);
    assert_eq!((late.late, late.jumps.len()), (1, 0));
    assert_eq!(missing(&late), [0; 0]);

    let jumped = up(&[(0, 1), (1000, 1), (2000, 1), (2500, 2), (3500, 2), (4500, 2), (5500, 2)]);
    assert!(!jumped.jumps.is_empty(), "{jumped:?}");
    let overdue = up(&[(0, 1), (1000, 1), (3030, 1), (4000, 1), (5000, 1)]);
    assert_eq!((overdue.late, overdue.jumps.len()), (1, 0), "late by 1030 ms");
    let nudged = up(&[(0, 1), (1000, 1), (2000, 1), (3030, 2), (4000, 2), (5000, 2)]);
    assert_eq!(nudged.jumps, [3030], "too little to be late");
}

#[test]
fn planned_moves_are_in_time_but_for_one_in_ten() {
    // Every two ticks another one has it, ten times in all.
    let mut ticks: Vec<(i64, u64)> =
        (0..22i64).map(|tick| (tick * 1000, 1 + (tick / 2 % 2) as u64)).collect();
    let planned = Goal { planned: true, ..Goal::default() };
    let judged = |ticks: &[(i64, u64)], goal: &Goal| {
        let account = account(vec![series("up", ticks)]);
        let courses = courses(&account, &[expected(0, 21_500)], INTERVAL);
        Table::of(String::new(), &account, &courses, goal, INTERVAL)
    };
    // What is late where nothing moves says that the machine is busy.
    for (late, count, met) in [(2, 1, true), (8, 2, false), (5, 2, true)] {
        ticks[late].0 += 300 + late as i64;
        let table = judged(&ticks, &planned);
        assert_eq!(table.count("moves"), 10, "{table}");
        assert_eq!(table.count("moves with a late first sample"), count, "{table}");
        assert_eq!(table.met(), met, "{table}");
        assert!(judged(&ticks, &Goal::default()).met());
    }
}

#[test]
fn planned_moves_do_not_begin_with_scrapes_that_fail_where_others_do_not() {
    // Every two ticks another one has it; the scrapes at these ticks fail.
    let judged = |failing: &[usize], planned| {
        let ticks: Vec<(i64, u64)> =
            (0..22i64).map(|tick| (tick * 1000, 1 + (tick / 2 % 2) as u64)).collect();
        let mut up = series("up", &ticks);
        for (tick, stored) in up.ticks.iter_mut().enumerate() {
            stored.value = if failing.contains(&tick) { 0.0 } else { 1.0 };
        }
        let account = account(vec![up]);
        let courses = courses(&account, &[expected(0, 21_500)], INTERVAL);
        let goal = Goal { planned, ..Goal::default() };
        let table = Table::of(String::new(), &account, &courses, &goal, INTERVAL);
        (table.count("moves with a failed first scrape"), table.met())
    };
    assert_eq!(judged(&[], true), (0, true));
    assert_eq!(judged(&[4], true), (1, false));
    assert_eq!(judged(&[4], false), (1, true));
    assert_eq!(judged(&[3, 4], true), (1, true), "it fails elsewhere, too");
}

#[test]
fn a_link_that_flaps_is_noticed_and_buries_nobody() {
    let judged = |raised, confirmed| {
        let flapped = Some(Suspicions { raised, confirmed, overlong: 1 });
        let all: Vec<(i64, u64)> = (0..7).map(|tick| (tick * 1000, 1)).collect();
        table(vec![series("up", &all)], &Goal { flapped, ..Goal::default() }).met()
    };
    assert!(judged(3, 0));
    assert!(!judged(0, 0) && !judged(3, 1));
}

#[test]
fn a_series_that_goes_on_after_its_end_was_false() {
    let mut ended = series("up", &[(0, 1), (1000, 1), (2000, 1), (3000, 2)]);
    ended.ticks[2].value = STALE_NAN;
    let course = course_of(vec![ended.clone()], &expected(0, 3000));
    assert_eq!(course.false_stale, [2000]);

    ended.ticks.truncate(3);
    let ends = Expected { ends: true, ..expected(0, 1500) };
    let course = course_of(vec![ended.clone()], &ends);
    assert_eq!((course.false_stale.len(), course.unended), (0, false));
    ended.ticks.truncate(2);
    assert!(course_of(vec![ended], &ends).unended, "nobody said that it ended");
}

#[test]
fn a_target_that_was_asked_too_often_is_noticed_although_each_tick_is_stored_once() {
    let mut counter = series(SCRAPES, &[(0, 1), (1000, 1), (2000, 2), (3000, 2)]);
    for (stored, value) in counter.ticks.iter_mut().zip([7.0, 8.0, 10.0, 11.0]) {
        stored.value = value;
    }
    let course = course_of(vec![counter], &expected(0, 3000));
    assert_eq!(course.extra_scrapes, 1);
}

fn table(series: Vec<SeriesAccount>, goal: &Goal) -> Table {
    let account = account(series);
    let courses = courses(&account, &[expected(0, 6000)], INTERVAL);
    Table::of("a run".to_owned(), &account, &courses, goal, INTERVAL)
}

#[test]
fn a_crash_excuses_detection_and_one_tick_of_what_the_victim_held() {
    let gap = |ticks: &[(i64, u64)]| vec![series("up", ticks)];
    let crash = |node: &str| Goal {
        crash: Some(Crash {
            node: node.to_owned(),
            at: 2500,
            detection: Duration::from_millis(1500),
        }),
        ..Goal::default()
    };
    let lost = [(0, 1), (1000, 1), (2000, 1), (6000, 2)];
    assert!(table(gap(&lost), &crash("a")).met(), "3, 4 and 5 s: detection took 1.5 s");
    assert!(!table(gap(&lost), &crash("b")).met(), "node b did not hold it");
    assert!(!table(gap(&lost), &Goal::default()).met());
    let more = [(0, 1), (1000, 1), (2000, 1)];
    let table = table(gap(&more), &crash("a"));
    assert!(!table.met());
    let text = table.to_string();
    assert!(text.contains("no tick at 00:00:03.000"), "{text}");
    assert!(text.contains("held by a before and nobody after"), "{text}");
}

#[test]
fn a_crash_excuses_nothing_that_its_victim_lost_long_before() {
    let detection = Duration::from_millis(1500);
    let crash = Crash { node: "a".to_owned(), at: 4500, detection };
    let goal = Goal { crash: Some(crash), ..Goal::default() };
    let without = |lost: i64| {
        let ticks: Vec<(i64, u64)> =
            (0..7).filter(|tick| *tick != lost).map(|tick| (tick * 1000, 1)).collect();
        table(vec![series("up", &ticks)], &goal)
    };
    assert!(without(3).met() && without(5).met(), "{}", without(3));
    let lost = without(2);
    assert_eq!(lost.count("missing beyond what a crash costs"), 1, "{lost}");
    assert!(!lost.met() && lost.to_string().contains("no tick at 00:00:02.000"), "{lost}");
    // What may be missing is said as it is, not as what happens to be missing.
    assert!(lost.to_string().contains("at most 3: met"), "{lost}");
}

#[tokio::test]
async fn a_cluster_that_is_too_small_for_a_scenario_is_refused_before_anything_starts() {
    for (scenario, nodes, least) in [
        (Scenario::BackendAway, 1, "2 for backend-away"),
        (Scenario::Kill, 1, "2 for kill"),
        (Scenario::Partition, 2, "3 for partition"),
        (Scenario::Flapping, 1, "2 for flapping"),
        (Scenario::Scale, 0, "1 for scale"),
    ] {
        let small = Arguments::small(scenario, BackendKind::Ledger);
        let refused = run(Arguments { nodes: Some(nodes), ..small }).await;
        let problem = refused.expect_err("too few").to_string();
        assert_eq!(problem, format!("--nodes must be at least {least}"));
    }
    assert!(Scenario::Partition.check_nodes(3).is_ok());
}

#[test]
fn refused_duplicates_are_excused_by_an_overlap_and_nothing_else_is() {
    let all: Vec<(i64, u64)> = (0..7).map(|tick| (tick * 1000, 1)).collect();
    let judged = |kind, overlap: Option<i64>| {
        let mut account = account(vec![series("up", &all)]);
        account.rejected.insert(kind, 1);
        let sample = Sample { labels: labels("up"), timestamp: 2000, value: 1.0 };
        let objection = Objection { kind, node: "b".to_owned(), sample, newest: Some(3000) };
        account.objections.push(objection);
        let courses = courses(&account, &[expected(0, 6000)], INTERVAL);
        let goal = Goal { overlap, ..Goal::default() };
        Table::of(String::new(), &account, &courses, &goal, INTERVAL)
    };
    assert!(judged(ObjectionKind::Duplicate, Some(2000)).met());
    assert!(!judged(ObjectionKind::Duplicate, None).met());
    let judged_late = judged(ObjectionKind::Duplicate, Some(1999));
    assert_eq!(judged_late.count("rejected after the overlap"), 1);
    assert!(!judged_late.met(), "its tick is later than the overlap");
    assert!(judged_late.to_string().contains("! Duplicate"), "{judged_late}");
    let late = judged(ObjectionKind::OutOfOrder, Some(2000));
    assert!(!late.met());
    assert!(late.to_string().contains("1000 ms before the newest"), "{late}");
}

#[test]
fn an_overlap_excuses_requests_that_are_refused_for_doubles_and_for_nothing_else() {
    let all: Vec<(i64, u64)> = (0..7).map(|tick| (tick * 1000, 1)).collect();
    let judged = |kind, overlap| {
        let mut account = account(vec![series("up", &all)]);
        account.refused.insert(kind, 1);
        let courses = courses(&account, &[expected(0, 6000)], INTERVAL);
        let goal = Goal { overlap, ..Goal::default() };
        Table::of(String::new(), &account, &courses, &goal, INTERVAL).met()
    };
    for kind in [ObjectionKind::Duplicate, ObjectionKind::OutOfOrder] {
        assert!(judged(kind, Some(2000)) && !judged(kind, None), "{kind:?}");
    }
    let other = ObjectionKind::Other;
    assert!(!judged(other, Some(2000)) && !judged(other, None));
}

#[test]
fn a_sample_that_a_backend_shows_beside_another_misses_every_goal() {
    let all: Vec<(i64, u64)> = (0..7).map(|tick| (tick * 1000, 1)).collect();
    for goal in [Goal::default(), Goal { overlap: Some(6000), ..Goal::default() }] {
        let met = [0, 1].map(|kept_twice| {
            let account = Account { kept_twice, ..account(vec![series("up", &all)]) };
            let courses = courses(&account, &[expected(0, 6000)], INTERVAL);
            let table = Table::of(String::new(), &account, &courses, &goal, INTERVAL);
            assert_eq!(table.count("samples kept twice"), kept_twice);
            table.met()
        });
        assert_eq!(met, [true, false]);
    }
}

#[test]
fn a_machine_that_is_busy_excuses_what_is_missing_and_doubles_and_nothing_else() {
    let all: Vec<(i64, u64)> = (0..7).map(|tick| (tick * 1000, 1)).collect();
    let whole = series("up", &all);
    let goal = Goal { planned: true, ..Goal::default() };
    let judged = |series: &SeriesAccount, rejected: Option<ObjectionKind>| {
        let mut account = account(vec![series.clone()]);
        account.rejected.extend(rejected.map(|kind| (kind, 1)));
        account.refused.extend(rejected.map(|kind| (kind, 1)));
        let courses = courses(&account, &[expected(0, 6000)], INTERVAL);
        let table = Table::of(String::new(), &account, &courses, &goal, INTERVAL);
        (table.met(), table.met_when_busy())
    };
    let changed = |change: fn(&mut SeriesAccount)| {
        let mut series = whole.clone();
        change(&mut series);
        judged(&series, None)
    };
    assert_eq!(judged(&whole, None), (true, true));
    assert_eq!(
        changed(|series| series.ticks.retain(|tick| tick.at != 3000)),
        (false, true),
        "missing"
    );
    assert_eq!(changed(|series| series.ticks[3].times = 2), (false, true), "twice");
    for kind in [ObjectionKind::Duplicate, ObjectionKind::OutOfOrder] {
        assert_eq!(judged(&whole, Some(kind)), (false, true), "{kind:?}");
    }
    assert_eq!(judged(&whole, Some(ObjectionKind::Other)), (false, false));
    assert_eq!(changed(|series| series.ticks[3].value = STALE_NAN), (false, true), "it goes on");
    assert_eq!(changed(|series| series.ticks[3].at += 50), (false, false), "out of phase");
}

#[test]
fn a_picture_has_a_stroke_for_each_run_and_a_line_for_each_event() {
    let course = up(&[(0, 1), (1000, 1), (3000, 2), (4000, 2), (5000, 2)]);
    let events = [Event { at: 1500, text: "kill a".to_owned(), kind: EventKind::Harm }];
    let nodes = ["a".to_owned(), "b".to_owned()];
    let svg = picture::draw(&[course], &nodes, &events, INTERVAL);
    for class in ["n0", "n1", "gap"] {
        assert!(svg.contains(&format!("<path class=\"{class}\"")), "{class}: {svg}");
    }
    assert!(!svg.contains("<path class=\"twice\""), "{svg}");
    assert_eq!(svg.matches("<line ").count(), 1);
    assert!(svg.contains(">kill a</text>") && svg.contains("prefers-color-scheme:dark"), "{svg}");
}

#[test]
fn a_picture_of_many_targets_stays_small_and_shows_those_that_lost_something() {
    let mut all = Vec::new();
    for target in 0..2000 {
        let mut ticks: Vec<(i64, u64)> =
            (0..6).map(|tick| (tick * 1000, 1 + tick as u64 % 2)).collect();
        if target == 1111 {
            ticks.remove(3);
        }
        all.push(up(&ticks));
    }
    let svg = picture::draw(&all, &["a".to_owned(), "b".to_owned()], &[], INTERVAL);
    assert!(svg.len() < 60_000, "{} bytes", svg.len());
    assert!(svg.contains("<path class=\"gap\""), "the one with a gap is drawn");
}
