//! Commands that read, print and end.

use std::io::Write as _;
use std::process::Stdio;

use super::command;

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
