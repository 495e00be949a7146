use std::time::Duration;

use tokio::process::Command;

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_child_ends_when_it_is_asked_and_its_output_is_kept() {
    let world = World::new().unwrap();
    let log = world.folder("log").unwrap().join("child");
    let script =
        "trap 'echo bye; exit 3' TERM; echo hello; while :; do read line || sleep 0.01; done";
    let mut child = Child::spawn("child", shell(script), &log).unwrap();
    eventually("the child to speak", PATIENCE, async || {
        child.check_alive()?;
        anyhow::ensure!(child.log()?.contains("hello"));
        Ok(())
    })
    .await
    .unwrap();
    let status = child.terminate(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "hello\nbye\n");
}

#[tokio::test]
async fn a_child_notices_the_end_of_its_standard_input() {
    let world = World::new().unwrap();
    let log = world.folder("log").unwrap().join("child");
    let child = Child::spawn("child", shell("cat; exit 7"), &log).unwrap();
    assert_eq!(child.close_stdin(PATIENCE).await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_child_that_has_ended_is_found_with_its_last_words() {
    let world = World::new().unwrap();
    let log = world.folder("log").unwrap().join("child");
    let mut child = Child::spawn("child", shell("echo no config; exit 1"), &log).unwrap();
    let error = eventually("the child to end", PATIENCE, async || match child.check_alive() {
        Err(error) => Ok(error),
        Ok(()) => anyhow::bail!("it runs"),
    });
    let error = error.await.unwrap().to_string();
    assert!(error.contains("no config") && error.contains("exit status: 1"), "{error}");
}

#[tokio::test]
async fn a_child_that_is_dropped_is_killed() {
    let world = World::new().unwrap();
    let log = world.folder("log").unwrap().join("child");
    let child = Child::spawn("child", shell("exec sleep 1000"), &log).unwrap();
    let process = format!("/proc/{}/stat", child.pid().unwrap());
    drop(child);
    eventually("the child to be gone", PATIENCE, async || {
        let stat = std::fs::read_to_string(&process).unwrap_or_default();
        anyhow::ensure!(stat.is_empty() || stat.contains(") Z "), "{stat}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_use_of_processor_and_memory_is_read() {
    let world = World::new().unwrap();
    let log = world.folder("log").unwrap().join("child");
    let child = Child::spawn("child", shell("while :; do :; done"), &log).unwrap();
    eventually("the child to use the processor", PATIENCE, async || {
        let usage = child.usage()?;
        anyhow::ensure!(usage.cpu > Duration::from_millis(20) && usage.resident > 100_000);
        Ok(())
    })
    .await
    .unwrap();
    child.kill().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_never_holds_is_said_with_its_reason() {
    let waited = eventually("better times", PATIENCE, async || -> anyhow::Result<()> {
        anyhow::bail!("it rains")
    });
    let error = format!("{:#}", waited.await.unwrap_err());
    assert_eq!(error, "waited 10 s for better times: it rains");
}

#[test]
fn a_metric_is_the_sum_over_its_series() {
    let page = "# HELP a x\na{b=\"1\"} 2\na 3\nab 7\na_b{} 1\na{c=\"x y\"} 0.5\n";
    assert_eq!(http::metric(page, "a"), 5.5);
    assert_eq!(http::metric(page, "c"), 0.0);
}

#[test]
fn a_program_that_is_missing_is_told_with_the_line_that_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().as_os_str();
    let error = real::Program::Vmagent.find_in(path).unwrap_err().to_string();
    let line = "apt-get install -y --no-install-recommends victoria-metrics";
    assert!(error.contains("`vmagent` is not installed") && error.ends_with(line), "{error}");
    std::fs::write(folder.path().join("vmagent"), "").unwrap();
    assert_eq!(real::Program::Vmagent.find_in(path).unwrap(), folder.path().join("vmagent"));
}

#[test]
fn ports_are_free_for_both_protocols() {
    let port = free_port().unwrap();
    std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
}

#[test]
fn a_port_is_given_once_and_nobody_gets_it_by_chance() {
    let chance = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let chance: u16 = chance.split_whitespace().next().unwrap().parse().unwrap();
    let ports: std::collections::BTreeSet<u16> = (0..500).map(|_| free_port().unwrap()).collect();
    assert_eq!(ports.len(), 500);
    assert!(ports.iter().all(|port| *port < chance), "{ports:?}");
}
