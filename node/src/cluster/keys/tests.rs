use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn ids(text: &str) -> Result<Vec<String>, String> {
    let parsed = parse(Path::new("keys"), text);
    let ids = |ring: Keyring| ring.ids().iter().map(ToString::to_string).collect();
    parsed.map(ids).map_err(|error| error.to_string())
}

#[test]
fn a_key_is_written_in_base64_or_in_hexadecimal() {
    let base64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let one = Key::new(&[1; 32]).id().to_string();
    let hex = "01".repeat(32);
    for text in [base64, base64.trim_end_matches('='), &hex, &format!("\n # x\n  {hex} # y\n")] {
        assert_eq!(ids(text), Ok(vec![one.clone()]), "{text}");
    }
    let two = Key::new(&[2; 32]).id().to_string();
    assert_eq!(ids(&format!("{}\r\n{base64}", "02".repeat(32))), Ok(vec![two, one]));
}

#[test]
fn what_is_no_key_is_refused_with_its_line_and_without_its_text() {
    let short = "AQEBAQEBAQEBAQEBAQEBAQ==";
    let sign = format!("+1{}", "01".repeat(31));
    for wrong in [short, "secret", &"0g".repeat(32), &"01".repeat(33), &sign, "é"] {
        let error = ids(&format!("# a comment\n{wrong}\n")).expect_err(wrong);
        assert!(error.starts_with("keys line 2: not a key"), "{error}");
        assert!(!error.contains(wrong), "{error}");
    }
    assert!(ids("# nothing\n\n").expect_err("no key").contains("holds no key"));
    let twice = format!("{0}\n{0}\n", fresh());
    parse(Path::new("keys"), &twice).expect_err("one key twice");
}

#[test]
fn a_fresh_key_is_a_key_and_another_each_time() {
    let (a, b) = (ids(&fresh()), ids(&fresh()));
    assert!(a.is_ok() && b.is_ok() && a != b);
}

#[test]
fn a_file_is_read_and_others_who_may_are_noticed() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("keys");
    assert!(matches!(read(&path), Err(Error::Read { .. })));
    std::fs::write(&path, fresh()).expect("a file");
    for (mode, open) in
        [(0o600, false), (0o640, false), (0o660, true), (0o604, true), (0o400, false)]
    {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our file");
        assert_eq!(is_open_to_others(&std::fs::metadata(&path).expect("a file")), open, "{mode:o}");
        assert_eq!(read(&path).expect("a key").ids().len(), 1);
    }
    std::fs::write(&path, "x".repeat(100_000)).expect("a file");
    assert!(matches!(read(&path), Err(Error::TooLong { .. })));
}
