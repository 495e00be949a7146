//! Commands that read, print and end, and what a running node tells those who ask.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{
    PATIENCE, SCRAPES_ITSELF, Shoal, command, file, get, get_bytes, number, run, run_with_a_queue,
};

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

/// What a node answers, whose body is JSON.
fn json(address: &str, path: &str) -> serde_json::Value {
    let answer = get(address, path);
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a body");
    serde_json::from_str(body).expect("JSON")
}

/// Two nodes of one cluster, `a` and `b`, that share eight targets at which nobody listens.
struct Pair {
    shoals: [Shoal; 2],
    addresses: [String; 2],
    began: Instant,
}

impl Pair {
    fn run(directory: &Path, flags: &[&str]) -> Self {
        let targets: String =
            (1..=8).map(|port| format!("{{ __address__ = \"127.0.0.1:{port}\" }}, ")).collect();
        let config = format!(
            "prometheus.scrape \"away\" {{\n\ttargets = [{targets}]\n\tforward_to = []\n\t\
             clustering {{\n\t\tenabled = true\n\t}}\n}}\n"
        );
        let began = Instant::now();
        let start = |name: &str, more: &[&str]| {
            let directory = directory.join(name);
            std::fs::create_dir(&directory).expect("a directory");
            file(&directory, &config);
            let name = format!("--cluster.node-name={name}");
            let named = ["--cluster.enabled", "--cluster.name=reef", &name];
            let mut shoal = run(&directory, &[&named, flags, more].concat());
            let address = shoal.address();
            (shoal, address)
        };
        let (a, of_a) = start("a", &[]);
        let (b, of_b) = start("b", &[&format!("--cluster.join-addresses={of_a}")]);
        let pair = Self { shoals: [a, b], addresses: [of_a, of_b], began };
        // Each knows what is whose, which is something of either, and collects all of its own.
        for node in 0..2 {
            while !pair.settled(node) {
                assert!(began.elapsed() < PATIENCE, "{}", pair.tell(node, &["status"]));
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
        pair
    }

    fn settled(&self, node: usize) -> bool {
        let status = self.tell(node, &["status"]);
        self.owned(node).is_some_and(|owned| {
            let here = format!("{} of 8 targets here", owned[node]);
            let ready = status.lines().next().is_some_and(|line| line.ends_with("  ready"));
            ready && status.contains(&here) && self.targets(node) == Some(owned)
        })
    }

    /// How many targets `a` and `b` own, as far as a node knows; nothing before it knows both.
    fn owned(&self, node: usize) -> Option<[u64; 2]> {
        let asked = ["what-if", "--leave", "b", "--address", &self.addresses[node]];
        let (_, printed, _) = output(&asked, "");
        let (of_b, _) = printed.strip_prefix("if b left, ")?.split_once(" of 8 targets")?;
        let of_b = of_b.parse().expect("a number");
        (0 < of_b && of_b < 8).then(|| [8 - of_b, of_b])
    }

    /// What a command prints that asks a node.
    fn tell(&self, node: usize, arguments: &[&str]) -> String {
        let asked = [arguments, &["--address", &self.addresses[node]]].concat();
        let (code, printed, complaints) = output(&asked, "");
        assert_eq!((code, complaints.as_str()), (Some(0), ""), "{arguments:?}");
        printed
    }

    /// How many targets `a` and `b` collect, as a node prints it.
    fn targets(&self, node: usize) -> Option<[u64; 2]> {
        let printed = self.tell(node, &["status"]);
        let of = |name: usize| {
            let row = [["a", "b"][name], "participant", &self.addresses[name]];
            printed.lines().find_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [front @ .., count, "targets"] = words.as_slice() else { return None };
                (*front == row).then(|| count.parse().expect("a number"))
            })
        };
        Some([of(0)?, of(1)?])
    }
}

#[test]
fn status_prints_version_uptime_state_peers_and_targets() {
    let directory = tempfile::tempdir().expect("a directory");
    let pair = Pair::run(directory.path(), &[]);
    let counts = pair.targets(0).expect("both are listed");
    for (node, name) in ["a", "b"].into_iter().enumerate() {
        let printed = pair.tell(node, &["status"]);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines[0], format!("{name}  participant  ready"), "{printed}");
        let (version, rest) = lines[1].split_once(", up ").expect("how long it runs");
        assert_eq!(version, concat!("shoal ", env!("CARGO_PKG_VERSION")));
        let (uptime, address) = rest.split_once("s, at ").expect("where it is");
        assert!(uptime.parse::<u64>().expect("seconds") <= pair.began.elapsed().as_secs());
        assert_eq!(address, pair.addresses[node]);
        assert!(printed.contains("\ncluster reef, view "), "{printed}");
        let here = format!("  prometheus.scrape.away  {} of 8 targets here", counts[node]);
        assert!(lines.iter().any(|line| line.ends_with(&here)), "{printed}");
    }
}

#[test]
fn explain_and_what_if_agree_about_who_collects_what() {
    let directory = tempfile::tempdir().expect("a directory");
    let pair = Pair::run(directory.path(), &[]);
    let [_, of_b] = pair.targets(0).expect("both are listed");

    let if_left = pair.tell(0, &["what-if", "--leave", "b"]);
    let percent = 100.0 * of_b as f64 / 8.0;
    let expected = format!(
        "if b left, {of_b} of 8 targets would move ({percent:.1} %)\n  \
         prometheus.scrape.away: {of_b} of 8\n\n  b -> a: {of_b}\n\n"
    );
    let moved = if_left.strip_prefix(&expected).unwrap_or_else(|| panic!("{if_left}"));
    assert_eq!(moved.lines().count() as u64, of_b);
    for port in 1..=8 {
        let url = format!("http://127.0.0.1:{port}/metrics");
        let moves = moved.lines().any(|line| line == format!("  {url}  b -> a"));
        let (owner, ranking) = if moves { ("b", "b, a") } else { ("a", "a, b") };
        for (node, name) in ["a", "b"].into_iter().enumerate() {
            let told = pair.tell(node, &["explain", &url]);
            assert!(told.starts_with(&format!("{url}  key ")), "{told}");
            assert!(told.contains(&format!("\n  instance=\"127.0.0.1:{port}\"\n")), "{told}");
            assert!(told.contains("\n  component prometheus.scrape.away\n"), "{told}");
            assert!(told.contains(&format!("\n  ranking {ranking}\n")), "{told}");
            let does = if name == owner { "collects it" } else { "does not collect it" };
            assert!(told.contains(&format!("\n  {name} {does}\n")), "{told}");
            // What either did is told by both.
            assert!(told.contains(&format!("  {owner} starts")), "{told}");
        }
    }

    let if_joined = pair.tell(1, &["what-if", "--join", "c"]);
    assert!(if_joined.starts_with("if c joined, "), "{if_joined}");
    let at = ["--address", &pair.addresses[0]];
    for (unknown, problem) in [
        (["explain", "http://127.0.0.1:9/metrics"].as_slice(), "knows no target"),
        (&["what-if", "--leave", "nobody"], "nobody"),
    ] {
        let (code, printed, complaints) = output(&[unknown, &at].concat(), "");
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{unknown:?}");
        assert!(complaints.contains(problem), "{complaints}");
    }
}

#[test]
fn the_end_of_a_node_says_how_many_targets_nobody_took_over() {
    // The other one is frozen: it claims nothing, and after a second or two it is known to be gone.
    for (patience, said) in [
        ("300ms", "not all targets were taken over in time"),
        ("1m", "no other node is there to collect what this node collected"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let drain = format!("--cluster.drain-timeout={patience}");
        let mut pair = Pair::run(directory.path(), &[&drain]);
        let [of_a, _] = pair.targets(0).expect("both are listed");
        pair.shoals[1].freeze();
        pair.shoals[0].signal(Signal::TERM);
        let line = pair.shoals[0].until(said);
        if patience == "300ms" {
            assert_eq!(number(&line, "left"), of_a, "{line}");
        }
        let (status, log) = pair.shoals[0].end();
        assert!(status.success() && log.contains("msg=stopped"), "{status}\n{log}");
    }
}

#[test]
fn a_node_tells_whom_it_suspects_and_how_much_it_doubts_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let pair = Pair::run(directory.path(), &[]);
    let began = Instant::now();
    let (cluster, suspicion, left) = loop {
        let cluster = json(&pair.addresses[0], "/api/v1/cluster");
        let suspicion = cluster["peers"][1]["suspicion"].clone();
        let local_health = cluster["local_health"].as_u64().expect("a number");
        match suspicion["verdict_in_seconds"].as_f64() {
            Some(left) if left > 0.0 && local_health > 0 => break (cluster, suspicion, left),
            // It was taken for dead between two looks, and comes back.
            _ if cluster["size"] == 1 => pair.shoals[1].signal(Signal::CONT),
            _ => pair.shoals[1].signal(Signal::STOP),
        }
        assert!(began.elapsed() < PATIENCE, "{cluster:#}");
        std::thread::park_timeout(Duration::from_millis(20));
    };
    assert_eq!(cluster["peers"][1]["name"], "b");
    assert_eq!(suspicion["confirmations"], 0, "nobody else is there");
    // Seconds: one, and nine at most where a node doubts itself.
    assert!(left < 10.0, "{suspicion}");
    let since = suspicion["since"].as_str().expect("an instant");
    assert!(since.starts_with("20"), "{suspicion}");
    assert!(cluster["local_health"].as_u64() <= Some(8), "{cluster:#}");
    assert!(cluster["peers"][0]["suspicion"].is_null(), "{cluster:#}");
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
    let peers = json(&address, "/api/v0/web/peers");
    let expected = serde_json::json!([{
        "name": "a", "addr": address, "isSelf": true, "state": "viewer"
    }]);
    assert_eq!(peers, expected);
}

#[test]
fn pages_and_their_api_are_served_below_the_prefix_that_was_given() {
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "");
    let flags = ["--server.http.ui-path-prefix=x", "--cluster.node-name=a"];
    let mut shoal = run(directory.path(), &flags);
    let address = shoal.address();
    let page = get(&address, "/x/");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("href=\"/x/clustering\""), "links stay below it: {page}");
    let peers = get(&address, "/x/api/v0/web/peers");
    assert!(peers.starts_with("HTTP/1.1 200") && peers.contains("\"name\":\"a\""), "{peers}");
    for elsewhere in ["/clustering", "/api/v0/web/peers"] {
        assert!(get(&address, elsewhere).starts_with("HTTP/1.1 404"), "{elsewhere}");
    }
    assert!(get(&address, "/-/healthy").starts_with("HTTP/1.1 200"), "probes have no prefix");
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
