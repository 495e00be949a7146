//! The rules of the house that no compiler and no linter knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each crate may use. An arrow that is not listed here is a mistake, or a
/// decision that belongs into this table.
const ARROWS: &[(&str, &[&str])] = &[
    ("membership", &[]),
    ("ownership", &["membership", "model"]),
    ("model", &[]),
    ("client", &[]),
    ("discovery", &["client", "model"]),
    ("metrics", &["client", "model"]),
    ("logs", &["client", "model"]),
    ("profiles", &["client", "model"]),
    ("delivery", &["client", "model"]),
    ("syntax-derive", &[]),
    ("syntax", &["syntax-derive"]),
    (
        "node",
        &[
            "client",
            "delivery",
            "discovery",
            "logs",
            "membership",
            "metrics",
            "model",
            "ownership",
            "profiles",
            "syntax",
        ],
    ),
    (
        "testnet",
        &["client", "delivery", "membership", "metrics", "model", "node", "ownership", "syntax"],
    ),
];

/// Crates that know no tokio, no socket and no clock.
const PURE: &[&str] = &["membership", "ownership", "model", "syntax"];

/// Folders that are pure, whatever their crate is.
const PURE_FOLDERS: &[&str] = &[
    "membership/src",
    "ownership/src",
    "collectors/model/src",
    "collectors/metrics/src/parse",
    "collectors/delivery/src/wire",
    "node/syntax/src",
    "node/syntax/derive/src",
    "node/src/core",
    "node/src/pages",
    "node/src/wire.rs",
];

/// Folders that live in virtual time: they may make up an instant to begin with, and run several
/// worlds side by side, each of which knows nothing of that; and nothing else.
const VIRTUAL_FOLDERS: &[&str] = &["testnet/src/sim/"];

/// What a pure machine must not reach for.
const IMPURE: &[&str] = &[
    "tokio::",
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "thread_rng",
    "rand::rng()",
    "std::env::",
    "std::thread",
    "std::process",
    // Their order is another one in each process. That of an `FxHashMap` follows from what was done to it.
    "HashMap",
    "HashSet",
];

/// Crates that our own manifests do not name, because the standard library or another of our
/// dependencies does the work.
const NOT_HERE: &[&str] = &["chrono", "lazy_static", "once_cell", "openssl", "reqwest"];

/// A file past this is two ideas.
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("testnet is a room of the house").into()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace is readable") {
        let path = entry.expect("a folder of the workspace is readable").path();
        let name = path.file_name().expect("entries have names").to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let root = root();
    let mut paths = Vec::new();
    for room in ["membership", "ownership", "collectors", "node", "testnet"] {
        sources(&root.join(room), &mut paths);
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("sources are readable text");
            let name = path.strip_prefix(&root).expect("sources are below the root");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes text")
}

/// Of this platform only: what other ones need was not fetched for building the tests.
fn metadata() -> Value {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("cargo says what it runs on");
    let arguments = ["--format-version", "1", "--locked", "--offline", "--filter-platform", host];
    let told = cargo(&[&["metadata"], &arguments[..]].concat());
    serde_json::from_str(&told).expect("cargo metadata is JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata has a string here")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("cargo metadata has a list here")
}

#[test]
fn arrows_between_rooms_point_one_way() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).iter().map(text).collect();
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"]) {
        if !members.contains(text(&package["id"])) {
            continue;
        }
        let name = text(&package["name"]);
        let Some(may_use) = allowed.get(name) else {
            wrong.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let used = text(&dependency["name"]);
            let ours = dependency.get("path").is_some_and(Value::is_string);
            if (ours && !may_use.contains(&used)) || NOT_HERE.contains(&used) {
                wrong.push(format!("{name} -> {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that do not exist in the design: {wrong:#?}");
}

#[test]
fn pure_crates_do_not_reach_tokio() {
    let metadata = metadata();
    let names: BTreeMap<&str, &str> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let normal = |dependency: &Value| {
        list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
    };
    let edges: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let targets = list(&node["deps"]).iter().filter(|d| normal(d)).map(|d| text(&d["pkg"]));
            (text(&node["id"]), targets.collect())
        })
        .collect();
    for pure in PURE {
        let start = names.iter().find(|(_, name)| *name == pure).expect("a pure crate exists").0;
        let mut seen = BTreeSet::new();
        let mut open = vec![*start];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(edges[id].iter().copied());
            }
        }
        for forbidden in ["tokio", "mio", "hyper", "socket2"] {
            assert!(
                !seen.iter().any(|id| names[id] == forbidden),
                "{pure} is pure and must not depend on {forbidden}"
            );
        }
    }
}

#[test]
fn pure_folders_have_no_clock_no_socket_and_no_file() {
    let mut wrong = Vec::new();
    for (name, text) in all_sources() {
        let tests = name.contains("/tests") || name.contains("/benches/");
        let is_in = |folders: &[&str]| folders.iter().any(|folder| name.starts_with(folder));
        let (pure, virtual_time) = (is_in(PURE_FOLDERS), is_in(VIRTUAL_FOLDERS));
        if tests || !(pure || virtual_time) {
            continue;
        }
        let forbidden = |word: &&&str| pure || !["Instant::now", "std::thread"].contains(*word);
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default().replace("FxHashMap", "");
            for word in IMPURE.iter().filter(forbidden).filter(|word| code.contains(**word)) {
                wrong.push(format!("{name}:{}: {word}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "pure code reaches for the world: {wrong:#?}");
}

#[test]
fn a_file_is_one_idea() {
    let long: Vec<_> = all_sources()
        .iter()
        .map(|(name, text)| (name.clone(), text.lines().count()))
        .filter(|(name, lines)| *lines > LONGEST_FILE && !name.contains("/tests"))
        .collect();
    assert!(long.is_empty(), "files over {LONGEST_FILE} lines: {long:#?}");
}

#[test]
fn nothing_half_made_is_left() {
    // Spelled in halves, so that this file does not find itself.
    let words = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ig", "nore"),
        concat!("#[al", "low("),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
    ];
    let mut found = Vec::new();
    for (name, text) in all_sources() {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{name}:{}: {word}", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
