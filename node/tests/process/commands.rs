//! Commands that read, print and end, and what a running node tells those who ask.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{PATIENCE, SCRAPES_ITSELF, command, file, get, get_bytes, run, run_with_a_queue};

/// Runs it to its end with this standard input; its exit code and what it printed and complained of.
fn output(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may end without reading all of it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn fmt_reads_standard_input_and_prints_what_is_formatted_or_wrong() {
    let (code, printed, complaints) = output(&["fmt", "-"], "// why\nlogging{\nlevel=\"info\"}");
    assert_eq!((code, printed.as_str()), (Some(0), "// why\nlogging {\n\tlevel = \"info\"\n}\n"));
    assert_eq!(complaints, "");

    let (code, printed, complaints) = output(&["fmt", "-"], "logging {\n\tlevel = = 1\n}\n");
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(
        complaints.contains("<stdin>:2:10") && complaints.contains("level = = 1"),
        "{complaints}"
    );

    let (code, _, complaints) = output(&["fmt", "--write", "-"], "");
    assert_ne!(code, Some(0));
    assert!(complaints.contains("--write"), "{complaints}");
}

#[test]
fn validate_reads_the_files_of_a_directory_as_one_and_tells_every_mistake_at_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("a file");
    };
    let validate = || output(&["validate", &directory.path().display().to_string()], "");
    write("one.alloy", "local.file \"a\" {\n\tfilename = local.file.b.content\n}\n");
    write("two.alloy", "local.file \"b\" {\n\tfilename = \"/etc/hostname\"\n}\n");
    write("README.md", "not { a configuration");
    let (code, _, complaints) = validate();
    assert_eq!(code, Some(0), "{complaints}");

    write("three.alloy", "local.fyle \"c\" { }\nlogging {\n\tlevel = \"loud\"\n}\n");
    write("two.alloy", "local.file \"b\" {\n\tfile = \"x\"\n}\n");
    let (code, printed, complaints) = validate();
    assert_eq!(code, Some(1));
    let told = printed + &complaints;
    for told_at in ["three.alloy:1:1", "three.alloy:3:10", "two.alloy:1:1", "two.alloy:2:2"] {
        assert!(told.contains(told_at), "{told_at}: {told}");
    }
    assert!(told.contains("local.fyle") && told.contains("\"local.file\"?"), "{told}");
}

#[test]
fn status_tells_how_much_waits_for_a_backend_and_for_how_long() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_shoal, address) = run_with_a_queue(directory.path(), &[]);
    let began = Instant::now();
    let aged = loop {
        let (code, printed, complaints) = output(&["status", "--address", &address], "");
        assert_eq!(code, Some(0), "{complaints}");
        if printed.contains("samples wait, the oldest for ") {
            break printed;
        }
        assert!(began.elapsed() < PATIENCE, "{printed}");
        std::thread::park_timeout(Duration::from_millis(50));
    };
    let line = aged.lines().find(|line| line.contains("samples wait")).expect("a queue");
    assert!(line.contains("prometheus.remote_write.nobody to http://127.0.0.1:1/"), "{line}");
    assert!(!line.contains(": 0 samples"), "{line}");
}

#[test]
fn a_node_that_has_not_joined_is_a_viewer_among_the_peers() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let silent = "--cluster.join-addresses=127.0.0.1:1";
    let waits = "--cluster.bootstrap-timeout=1h";
    let flags = ["--cluster.enabled", "--cluster.node-name=a", silent, waits];
    let mut shoal = run(directory.path(), &flags);
    let address = shoal.address();
    let peers = get(&address, "/api/v0/web/peers");
    let (_, peers) = peers.split_once("\r\n\r\n").expect("an answer has a body");
    let peers: serde_json::Value = serde_json::from_str(peers).expect("JSON");
    let expected = serde_json::json!([{
        "name": "a", "addr": address, "isSelf": true, "state": "viewer"
    }]);
    assert_eq!(peers, expected);
}

/// A profile of a node, unpacked.
fn profile(address: &str, path: &str) -> Vec<u8> {
    let answer = get_bytes(address, path);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a body") + 4;
    let mut profile = Vec::new();
    let read = flate2::read::GzDecoder::new(&answer[body..]).read_to_end(&mut profile);
    read.expect("pprof's format is compressed");
    profile
}

#[test]
fn profiles_say_where_processor_and_memory_go() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), SCRAPES_ITSELF);
    let mut shoal = run(directory.path(), &["--server.http.enable-pprof"]);
    let address = shoal.address();
    let says = |profile: &[u8], text: &str| {
        profile.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    // Something to do, so that there is something to see.
    let (busy, asked_enough) = (address.clone(), Arc::new(AtomicBool::new(false)));
    let enough = Arc::clone(&asked_enough);
    let asking = std::thread::spawn(move || {
        while !enough.load(Ordering::Relaxed) {
            get(&busy, "/metrics");
        }
    });
    let cpu = profile(&address, "/debug/pprof/profile?seconds=1");
    assert!(says(&cpu, "nanoseconds") && says(&cpu, "node::server"), "{} bytes", cpu.len());
    let heap = profile(&address, "/debug/pprof/heap?seconds=1");
    assert!(says(&heap, "bytes") && says(&heap, "shoal"), "{} bytes", heap.len());
    asked_enough.store(true, Ordering::Relaxed);
    asking.join().expect("it was answered");
    assert!(get(&address, "/-/healthy").starts_with("HTTP/1.1 200"));
}
