use super::*;

/// The lines of what is missed by deaths that were known to all after so many milliseconds.
fn missed(nodes: usize, death: Death, all: &[u64], wrong: u64, unheard: usize) -> Vec<String> {
    let all = all.iter().map(|millis| Duration::from_millis(*millis)).collect();
    let (mut goals, mut deaths) =
        (Goals::default(), Deaths { all, wrong, unheard, ..Deaths::default() });
    judge(nodes, death, &mut deaths, &mut goals);
    let error = goals.met().err().map(|error| error.to_string()).unwrap_or_default();
    error.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn deaths_that_are_found_late_or_wrongly_miss_the_goal() {
    assert_eq!(missed(10, Death::Host, &[1000, 2500, 9000], 0, 0), [""; 0]);
    let late = missed(10, Death::Host, &[1000, 2510, 9000], 0, 0);
    assert_eq!(late, ["median, 10 nodes, death Host: 2.51 s, and the goal is 2.5s"]);
    assert_eq!(missed(100, Death::Host, &[4001], 0, 0).len(), 1);
    assert_eq!(missed(1000, Death::Host, &[6001], 0, 0).len(), 1);
    assert_eq!(missed(5000, Death::Host, &[60_000], 0, 0), [""; 0]);
    assert_eq!(missed(10, Death::Leave, &[1], 1, 2).len(), 2);
}
