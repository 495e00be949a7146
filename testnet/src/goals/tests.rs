use super::*;

#[test]
fn each_goal_that_is_missed_is_named_and_no_other() {
    let mut goals = Goals::default();
    let second = Duration::from_secs(1);
    goals.count("false positives", 0, 0);
    goals.time("healing", Some(second), second);
    goals.amount("idling", 0.5, 0.5, "%");
    goals.count("false positives of 10", 2, 0);
    goals.time("healing of 10", Some(2 * second), second);
    goals.time("healing of 20", None, second);
    goals.amount("idling of 10", 0.75, 0.5, "%");
    let error = goals.met().expect_err("four are missed").to_string();
    let lines: Vec<&str> = error.lines().skip(1).collect();
    let expected = [
        "false positives of 10: 2, and the goal is 0",
        "healing of 10: 2.00 s, and the goal is 1s",
        "healing of 20: never, and the goal is 1s",
        "idling of 10: 0.75 %, and the goal is 0.5 %",
    ];
    assert_eq!(lines, expected);
    assert!(Goals::default().met().is_ok());
}
