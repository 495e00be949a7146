//! A sending process that is killed: the test starts itself as a child, whose backend it is.

use std::collections::BTreeMap;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::*;

const DIRECTORY: &str = "SHOAL_DELIVERY_DESTINATION_DIRECTORY";
const PORT: &str = "SHOAL_DELIVERY_DESTINATION_PORT";
const FIRST: &str = "SHOAL_DELIVERY_DESTINATION_FIRST";
const NAME: &str = "destination::tests::crash::a_killed_sender_loses_nothing_it_sealed_and_repeats_what_was_in_flight";

fn endpoint(port: u16) -> EndpointConfig {
    let url = format!("http://127.0.0.1:{port}/write").parse().unwrap();
    let mut config = EndpointConfig::new("test", url);
    config.overlap_protocol = Protocol::V1;
    config.queue.max_samples_per_send = 1;
    config.queue.min_backoff = Duration::from_millis(1);
    config.queue.max_backoff = Duration::from_millis(2);
    config
}

/// In the child: hands in one sample after the other, says when each is in the log, and goes on
/// until it is killed or its standard input ends.
async fn child(directory: &str) {
    let variable = |name| std::env::var(name).unwrap().parse::<u32>().unwrap();
    let config = endpoint(variable(PORT) as u16);
    let running = Running::start(Path::new(directory), config);
    let before = running.telemetry.pending_samples.get();
    let end = std::thread::spawn(|| std::io::stdin().lines().count());
    let mut value = variable(FIRST);
    println!();
    while !end.is_finished() {
        running.send(batch(["series"], f64::from(value))).await;
        let sealed = i64::from(value - variable(FIRST)) + 1;
        let done = || {
            let sent = running.telemetry.sent.samples.get().cast_signed();
            running.telemetry.pending_samples.get() + sent >= before + sealed
        };
        while !done() {
            tokio::task::yield_now().await;
        }
        println!("sealed {value}");
        value += 1;
    }
}

fn spawn(directory: &Path, port: u16, first: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(PORT, port.to_string())
        .env(FIRST, first.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_killed_sender_loses_nothing_it_sealed_and_repeats_what_was_in_flight() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return child(&directory).await;
    }
    let (_keep, path) = directory();
    let backend = Backend::start(|number, _| match number % 4 {
        0 => Reply::status(503, "not now"),
        _ => Reply::ok(),
    })
    .await;
    const KILLS: u32 = 4;
    let mut sealed: Vec<u32> = Vec::new();
    for round in 0..KILLS {
        let first = sealed.last().map_or(0, |last| last + 2);
        let mut child = spawn(&path, backend.port, first);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = sealed.len() + 40 + 13 * round as usize;
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(value) = line.strip_prefix("sealed ") {
                sealed.push(value.parse().unwrap());
            }
            if sealed.len() == enough {
                child.start_kill().unwrap();
            }
        }
        child.wait().await.unwrap();
    }
    let running = Running::start(&path, endpoint(backend.port));
    assert_eq!(running.stop().await, Left::default());

    let mut accepted: BTreeMap<u32, usize> = BTreeMap::new();
    let mut newest = 0;
    for (_, value) in backend.accepted() {
        let times = accepted.entry(value as u32).or_default();
        *times += 1;
        assert!(value as u32 >= newest || *times > 1, "{value} came behind {newest}");
        newest = newest.max(value as u32);
    }
    for value in &sealed {
        assert!(accepted.contains_key(value), "{value} is lost");
    }
    let repeated: usize = accepted.values().map(|times| times - 1).sum();
    assert!(repeated <= KILLS as usize, "one shard has one request in flight: {repeated}");
}
