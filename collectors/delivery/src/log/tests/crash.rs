//! A process that is killed: the test starts itself as a child, which appends and says so.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::*;

const DIRECTORY: &str = "SHOAL_DELIVERY_CRASH_DIRECTORY";
const ROLE: &str = "log::tests::crash::a_killed_process_keeps_every_frame_it_appended";

/// In the child: appends until it is killed, acknowledges some, and prints what it has done after
/// it has done it. It ends by itself when its standard input does.
fn child(directory: &str) {
    let config = LogConfig { segment_bytes: 20_000, ..LogConfig::default() };
    let (mut log, _) = open_with(Path::new(directory), config);
    let mut out = io::stdout().lock();
    let stop = std::thread::spawn(|| io::stdin().lines().count());
    let mut index = log.next;
    // The test harness has begun a line.
    writeln!(out).unwrap();
    while !stop.is_finished() {
        let shard = (index % 4) as u16;
        log.append(frame(format!("frame {index}").as_bytes(), shard, 4), 1_000);
        writeln!(out, "appended {index}").unwrap();
        if index.is_multiple_of(3) {
            let (meta, payload) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
            let index = String::from_utf8_lossy(&payload[6..]).into_owned();
            writeln!(out, "finishing {index}").unwrap();
            log.finish(&meta, 1_000);
            writeln!(out, "finished {index}").unwrap();
        }
        index += 1;
    }
}

fn spawn(directory: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([ROLE, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

#[test]
fn a_killed_process_keeps_every_frame_it_appended() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return child(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut appended, mut begun, mut finished) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..6 {
        let (mut child, lines) = spawn(directory.path());
        let enough = appended.len() + 300 + 57 * round;
        for line in lines.lines().map_while(Result::ok) {
            // Only whole lines count: the last one may be torn like everything else.
            match line.split_once(' ') {
                Some(("appended", index)) => appended.push(index.parse::<u64>().unwrap()),
                Some(("finishing", index)) => begun.push(index.parse::<u64>().unwrap()),
                Some(("finished", index)) => finished.push(index.parse::<u64>().unwrap()),
                _ => {}
            }
            if appended.len() == enough {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
    }
    assert!(appended.len() >= 6 * 300, "{}", appended.len());

    let (mut log, telemetry) = open(directory.path());
    let found: Vec<u64> =
        drain(&mut log).iter().map(|name| name[6..].parse::<u64>().unwrap()).collect();
    for index in &appended {
        if finished.contains(index) {
            assert!(!found.contains(index), "frame {index} is sent again");
        } else if !begun.contains(index) {
            assert!(found.contains(index), "frame {index} is lost");
        }
    }
    assert!(begun.len() <= finished.len() + 6, "one kill interrupts one acknowledgement");
    assert!(log.is_empty());
    assert!(telemetry.corruptions.get() <= 6);
}
