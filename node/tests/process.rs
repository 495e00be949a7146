//! The program itself: how it starts, listens to signals, and ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

#[path = "process/commands.rs"]
mod commands;
#[path = "process/tls.rs"]
mod tls;

/// How long anything may take before the test fails: far longer than it ever does, and far less than
/// a test run that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `shoal`; it ends with the test, whatever comes of it.
struct Shoal {
    child: Child,
    /// Lines of its log, as a thread reads them: reading itself cannot be given up.
    log: Receiver<String>,
}

impl Drop for Shoal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shoal"));
    command.args(arguments);
    command
}

fn file(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("config.alloy");
    std::fs::write(&path, text).expect("a file");
    path
}

/// Starts a node on ports of its own, with a standard input that stays open.
fn run(directory: &Path, more: &[&str]) -> Shoal {
    run_by(command(&[]), directory, more)
}

/// The same by a command that ends up as `shoal`.
fn run_by(mut command: Command, directory: &Path, more: &[&str]) -> Shoal {
    let config = directory.join("config.alloy");
    let storage = format!("--storage.path={}", directory.join("data").display());
    command
        .args(["run", &config.display().to_string(), &storage])
        .args(["--server.http.listen-addr=127.0.0.1:0", "--exit-on-stdin-eof"])
        .args(more);
    start(command)
}

fn start(mut command: Command) -> Shoal {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let lines = BufReader::new(child.stderr.take().expect("it was piped")).lines();
    // A test that does not read lets it wait, as a full pipe would.
    let (line, log) = sync_channel(1024);
    std::thread::spawn(move || {
        for read in lines {
            // The test may be over.
            if line.send(read.expect("UTF-8") + "\n").is_err() {
                return;
            }
        }
    });
    Shoal { child, log }
}

impl Shoal {
    /// Reads log lines up to one that contains `text`.
    fn until(&mut self, text: &str) -> String {
        self.until_after(text).1
    }

    /// The same, and what is said before that.
    fn until_after(&mut self, text: &str) -> (String, String) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = String::new();
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return (seen, line),
                Ok(line) => seen.push_str(&line),
                Err(RecvTimeoutError::Timeout) => panic!("it never said {text:?}:\n{seen}"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended before it said {text:?}:\n{seen}")
                }
            }
        }
    }

    /// The address it listens on, once its configuration is loaded.
    fn address(&mut self) -> String {
        let line = self.until("msg=listening");
        let address = line.split_whitespace().find_map(|field| field.strip_prefix("address="));
        let address = address.expect("it says where").to_owned();
        // It answers before that, and has no components then.
        self.until("the configuration is loaded");
        address
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it has not been waited for");
    }

    /// Freezes it; it has done its last when this returns.
    fn freeze(&self) {
        self.signal(Signal::STOP);
        // The signal stops one thread, which has to run to stop the others: on a busy machine these
        // go on for milliseconds.
        let pid = Pid::from_child(&self.child);
        let stopped = waitpid(Some(pid), WaitOptions::UNTRACED).expect("it runs");
        assert!(stopped.is_some_and(|(_, status)| status.stopped()), "it ended");
    }

    /// Waits for the end, reading what is said until then.
    fn end(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        let mut rest = String::new();
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => rest.push_str(&line),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{rest}"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                return (status, rest);
            }
            assert!(Instant::now() < deadline, "it fell silent and does not end:\n{rest}");
            // Its log is closed, so its end is a matter of milliseconds.
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}

fn get(address: &str, path: &str) -> String {
    String::from_utf8(get_bytes(address, path)).expect("UTF-8")
}

fn get_bytes(address: &str, path: &str) -> Vec<u8> {
    ask(address, "GET", path)
}

fn ask(address: &str, method: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: shoal\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    answer
}

/// A configuration with something to stop: scrapes, and a queue that nobody empties.
const SCRAPES_ITSELF: &str = r#"
prometheus.exporter.self "me" { }
prometheus.scrape "self" {
	targets         = prometheus.exporter.self.me.targets
	forward_to      = [prometheus.remote_write.nobody.receiver]
	scrape_interval = "100ms"
	scrape_timeout  = "50ms"
	clustering {
		enabled = true
	}
}
prometheus.remote_write "nobody" {
	endpoint {
		url = "http://127.0.0.1:1/"
	}
}
"#;

#[test]
fn a_node_runs_until_it_is_told_to_stop() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), SCRAPES_ITSELF);
    for (signal, clustered) in [(Signal::TERM, true), (Signal::INT, false)] {
        let flag = format!("--cluster.enabled={clustered}");
        let mut shoal = run(directory.path(), &[&flag, "--cluster.node-name=a"]);
        let address = shoal.address();
        shoal.until("to=participant");
        assert!(get(&address, "/-/healthy").starts_with("HTTP/1.1 200"));
        shoal.signal(signal);
        let (status, log) = shoal.end();
        assert!(status.success(), "{signal:?}: {status}\n{log}");
        assert!(log.contains("msg=stopped"), "{log}");
        TcpStream::connect(address).expect_err("nobody listens any more");
    }
}

/// The number in a field of a log line.
fn number(line: &str, field: &str) -> u64 {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(&format!("{field}=")));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {field} in {line}"))
}

/// Waits until samples wait that nobody takes.
fn something_waits(address: &str) {
    let began = Instant::now();
    let pending = "prometheus_remote_storage_samples_pending{";
    loop {
        let page = get(address, "/metrics");
        let waiting = page.lines().filter(|line| line.starts_with(pending));
        if waiting.filter(|line| !line.ends_with(" 0")).count() > 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "nothing waits:\n{page}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Starts a node that scrapes itself for a backend that is away, and waits until something waits.
fn run_with_a_queue(directory: &Path, more: &[&str]) -> (Shoal, String) {
    file(directory, SCRAPES_ITSELF);
    let mut shoal =
        run(directory, &[&["--cluster.enabled", "--cluster.node-name=a"], more].concat());
    let address = shoal.address();
    shoal.until("to=participant");
    something_waits(&address);
    (shoal, address)
}

#[test]
fn the_end_of_a_node_says_what_it_leaves_in_its_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut shoal, _) = run_with_a_queue(directory.path(), &[]);
    shoal.signal(Signal::TERM);
    let line = shoal.until("left in the log for the next start");
    assert!(number(&line, "frames") > 0 && number(&line, "samples") > 0, "{line}");
    assert!(shoal.end().0.success());
}

#[test]
fn a_second_signal_ends_a_node_at_once_and_it_says_what_it_leaves() {
    let directory = tempfile::tempdir().expect("a directory");
    // It would go on sending to nobody for a quarter of this.
    let patient = "--feature.component-shutdown-deadline=10m";
    for signals in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::TERM]] {
        let (mut shoal, _) = run_with_a_queue(directory.path(), &[patient]);
        shoal.signal(signals[0]);
        shoal.until("shutting down");
        shoal.signal(signals[1]);
        let line = shoal.until("frames on disk for the next start");
        assert!(number(&line, "frames") > 0, "{line}");
        let (status, log) = shoal.end();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("stopped at once, as asked twice"), "{log}");
        assert!(!log.contains("msg=stopped"), "{log}");
    }
}

#[test]
fn the_signal_that_follows_a_drain_over_http_is_not_the_second_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let patient = "--feature.component-shutdown-deadline=10m";
    let (mut shoal, address) = run_with_a_queue(directory.path(), &[patient]);
    // Somebody who only looks drains nothing.
    assert!(get(&address, "/-/drain").starts_with("HTTP/1.1 405"));
    assert!(ask(&address, "POST", "/-/drain").starts_with(b"HTTP/1.1 200"));
    shoal.until("shutting down");
    shoal.signal(Signal::TERM);
    shoal.until("drains already, as asked over HTTP");
    // Long enough to say what it leaves, if it were asked twice.
    let deadline = Instant::now() + Duration::from_secs(1);
    while let Ok(line) = shoal.log.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    {
        assert!(!line.contains("for the next start"), "{line}");
    }
    assert!(shoal.child.try_wait().expect("it was started").is_none(), "it has ended");
    shoal.signal(Signal::TERM);
    let (status, log) = shoal.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("stopped at once, as asked twice"), "{log}");
}

#[test]
fn a_node_ends_with_whoever_started_it() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let mut shoal = run(directory.path(), &[]);
    shoal.address();
    drop(shoal.child.stdin.take());
    assert!(shoal.end().0.success());
}

#[test]
fn nodes_of_one_host_tell_of_themselves_under_their_own_names() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), SCRAPES_ITSELF);
    let flags = ["--cluster.enabled", "--cluster.node-name=one-of-many"];
    let mut shoal = run(directory.path(), &flags);
    let address = shoal.address();
    let exporter = get(&address, "/api/v0/web/components/prometheus.exporter.self.me");
    assert!(exporter.contains("\"one-of-many\""), "{exporter}");
}

#[test]
fn of_a_flag_that_is_given_twice_the_last_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let mut shoal = run(directory.path(), &["--cluster.node-name=a", "--cluster.node-name=b"]);
    let address = shoal.address();
    let status = get(&address, "/api/v1/status");
    assert!(status.contains("\"name\":\"b\""), "{status}");
}

#[test]
fn a_component_that_cannot_be_made_is_shown_in_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "local.file \"a\" {\n  filename = \"/does/not/exist\"\n}\n");
    let (status, log) = run(directory.path(), &[]).end();
    assert!(!status.success());
    assert!(log.contains("config.alloy:1:1: error: local.file.a: "), "{log}");
    assert!(log.contains("1 | local.file \"a\" {\n  | ^^^^^^^^^^^^^^\n"), "{log}");
}

#[test]
fn a_hangup_reads_the_configuration_again_all_or_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let mut shoal = run(directory.path(), &[]);
    let address = shoal.address();
    file(directory.path(), "prometheus.exporter.self \"me\" { }\n");
    shoal.signal(Signal::HUP);
    shoal.until("config reloaded");
    assert!(get(&address, "/api/v0/web/components").contains("prometheus.exporter.self.me"));
    file(directory.path(), "no.such \"component\" { }\n");
    shoal.signal(Signal::HUP);
    let line = shoal.until("failed to reload config");
    assert!(line.contains("config.alloy:1:1"), "{line}");
    assert!(get(&address, "/api/v0/web/components").contains("prometheus.exporter.self.me"));
    shoal.signal(Signal::TERM);
    assert!(shoal.end().0.success());
}

#[test]
fn a_reload_that_would_part_the_nodes_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let mut shoal = run(directory.path(), &["--cluster.enabled"]);
    let address = shoal.address();
    let tls = "http {\n  tls {\n    cert_file = \"cert.pem\"\n    key_file = \"key.pem\"\n  }\n}\n";
    file(directory.path(), tls);
    shoal.signal(Signal::HUP);
    let line = shoal.until("failed to reload config");
    assert!(line.contains("--cluster.enable-tls") && line.contains("config.alloy:1:1"), "{line}");
    // It goes on as before, without TLS.
    assert!(get(&address, "/-/ready").contains("ready"));
}

#[test]
fn a_wrong_configuration_ends_the_start_with_its_diagnostics() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "no.such \"component\" { }\nlogging { level = \"loud\" }\n");
    let (status, log) = run(directory.path(), &[]).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("config.alloy:1:1") && log.contains("config.alloy:2:"), "{log}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let mut first = run(directory.path(), &[]);
    let address = first.address();
    let taken = format!("--server.http.listen-addr={address}");
    let storage = format!("--storage.path={}", directory.path().join("other").display());
    let (status, text) = run(directory.path(), &[&storage, &taken]).end();
    assert_eq!(status.code(), Some(1));
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
}

#[test]
fn status_prints_what_a_running_node_says() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "prometheus.exporter.self \"me\" { }\n");
    let mut shoal = run(directory.path(), &["--cluster.node-name=node-17"]);
    let address = shoal.address();
    let status = command(&["status", "--address", &address]).output().expect("it can be started");
    let text = String::from_utf8(status.stdout).expect("UTF-8");
    assert!(status.status.success(), "{text}");
    assert!(text.contains("node-17") && text.contains("prometheus.exporter.self.me"), "{text}");
}

#[test]
fn a_node_may_open_as_many_files_as_it_is_allowed_to_ask_for() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -Sn 300; ulimit -Hn 700; exec \"$0\" \"$@\""]);
    limited.arg(env!("CARGO_BIN_EXE_shoal"));
    let mut shoal = run_by(limited, directory.path(), &[]);
    let address = shoal.address();
    let page = get(&address, "/metrics");
    assert!(page.contains("\nprocess_max_fds 700\n"), "{page}");
}

#[test]
fn a_node_whose_seeds_are_silent_is_not_ready_and_says_which_path_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let seed = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let join = format!("--cluster.join-addresses={seed}");
    let waits = "--cluster.bootstrap-timeout=1h";
    let flags = ["--cluster.enabled", "--cluster.node-name=a", &join, waits];
    let mut shoal = run(directory.path(), &flags);
    let address = shoal.address();
    // The first answers may come before the seed was asked.
    let said = |arguments: &[&str], text: &str| {
        let began = Instant::now();
        loop {
            let output = command(arguments).output().expect("it can be started");
            let said = String::from_utf8(output.stdout).expect("UTF-8");
            if said.contains(text) {
                return (output.status.code(), said);
            }
            assert!(began.elapsed().as_secs() < 60, "{arguments:?} never says {text:?}: {said}");
        }
    };
    let (code, text) = said(&["check", "--address", &address], "TCP failed");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("no TCP connection to {seed}")), "{text}");
    let (code, text) = said(&["cluster", "--address", &address], "unreachable");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("a is not ready: it has not joined its cluster yet"), "{text}");
    let ready = get(&address, "/-/ready");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(&seed), "{ready}");
}

#[test]
fn a_node_of_this_host_alone_does_not_start_with_seeds_elsewhere() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let flags = ["--cluster.enabled", "--cluster.join-addresses=192.0.2.1"];
    let (status, log) = run(directory.path(), &flags).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("--server.http.listen-addr=0.0.0.0:"), "{log}");
}

#[test]
fn a_node_of_this_host_alone_says_once_whom_it_does_not_look_for() {
    let [there, here] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    for directory in [&there, &here] {
        file(directory.path(), "");
    }
    let flags = ["--cluster.enabled", "--cluster.name=c", "--cluster.bootstrap-timeout=1h"];
    let mut near = run(there.path(), &[&flags[..2], &["--cluster.node-name=near"]].concat());
    let seen = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let peers = serde_json::json!({ "cluster": "c", "peers": [
        { "name": "far", "address": "192.0.2.1:12345", "seen": seen },
        { "name": "near", "address": near.address(), "seen": seen },
    ]});
    let kept = here.path().join("data/cluster");
    std::fs::create_dir_all(&kept).expect("it is new");
    std::fs::write(kept.join("peers.json"), peers.to_string()).expect("it can be written");

    const TOLD: &str = "does not look for earlier peers";
    let mut shoal = run(here.path(), &[&flags[..], &["--cluster.node-name=a"]].concat());
    let line = shoal.until(TOLD);
    for word in
        ["level=warn", "192.0.2.1:12345", "listens on loopback", "--server.http.listen-addr"]
    {
        assert!(line.contains(word), "no {word:?} in {line}");
    }
    // It finds the other one there, and so has one place less to look at: no reason to complain again.
    let (meanwhile, _) = shoal.until_after("size=2 expected=3");
    assert!(meanwhile.contains("peer is up") && !meanwhile.contains(TOLD), "{meanwhile}");
}
