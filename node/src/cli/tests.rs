use std::path::Path;
use std::process::ExitCode;

use super::*;

fn shoal(arguments: &[&str]) -> bool {
    let code = main_from(["shoal"].iter().chain(arguments).map(OsString::from));
    // An exit code cannot be compared, but it can be shown.
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn fmt_writes_a_file_back_and_then_finds_nothing_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "a.alloy", "logging{\nlevel=\"info\"\n}");
    assert!(!shoal(&["fmt", "--test", &path]));
    assert!(shoal(&["fmt", "--write", &path]));
    let formatted = std::fs::read_to_string(&path).expect("it is still there");
    assert_eq!(formatted, "logging {\n\tlevel = \"info\"\n}\n");
    assert!(shoal(&["fmt", "--test", &path]));
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 1);
}

#[test]
fn fmt_leaves_a_wrong_file_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "a.alloy", "logging {");
    assert!(!shoal(&["fmt", "--write", &path]));
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "logging {");
}

#[test]
fn validate_passes_what_is_right_and_fails_what_is_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let right = file(directory.path(), "right.alloy", "logging {\n\tlevel = \"debug\"\n}\n");
    let wrong = file(directory.path(), "wrong.alloy", "no.such \"component\" { }\n");
    assert!(shoal(&["validate", &right]));
    assert!(!shoal(&["validate", &wrong]));
    assert!(!shoal(&["validate", "/does/not/exist"]));
}

#[test]
fn docs_know_every_component_and_block_and_no_other() {
    assert!(shoal(&["docs"]));
    for name in crate::components::Registry::shoal().names() {
        assert!(shoal(&["docs", name]), "{name}");
    }
    for name in ["http", "import.file", "import.string", "livedebugging", "logging"] {
        assert!(shoal(&["docs", name]), "{name}");
    }
    assert!(!shoal(&["docs", "no.such"]));
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    let code = |arguments: &[&str]| {
        format!("{:?}", main_from(["shoal"].iter().chain(arguments).map(OsString::from)))
    };
    let wrong = format!("{:?}", ExitCode::from(2));
    assert_eq!(code(&["run"]), wrong);
    assert_eq!(code(&["run", "a.alloy", "--config.format=static"]), wrong);
    assert_eq!(code(&["--version"]), format!("{:?}", ExitCode::SUCCESS));
    assert_eq!(code(&["status", "--address=127.0.0.1:1"]), format!("{:?}", ExitCode::FAILURE));
}

#[test]
fn a_file_of_keys_is_shown_by_ids() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(shoal(&["key", "new"]));
    let right = file(directory.path(), "keys", &crate::cluster::keys::fresh());
    let wrong = file(directory.path(), "wrong", "secret");
    assert!(shoal(&["key", "ids", &right]));
    assert!(!shoal(&["key", "ids", &wrong]));
}
