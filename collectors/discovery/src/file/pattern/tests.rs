use super::*;

#[test]
fn a_path_that_target_files_cannot_have_is_refused_with_the_reason() {
    for (path, words) in [
        ("targets.txt", ".json"),
        ("targets", ".json"),
        ("*", ".json"),
        ("*/targets.json", "last element"),
        ("a*b*.json", "only one"),
        ("a?.json", "only *"),
        ("[ab].json", "only *"),
    ] {
        let error = Pattern::parse(path).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(path), "{error}");
    }
}

#[test]
fn a_star_stands_for_any_characters_and_none() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["tg.json", "tg_1.json", "tg_2.json", "tg_3.yml", "other.json", "t.json"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let pattern = dir.path().join("tg*.json");
    let pattern = Pattern::parse(pattern.to_str().unwrap()).unwrap();
    let expected = ["tg.json", "tg_1.json", "tg_2.json"].map(|name| dir.path().join(name));
    assert_eq!(pattern.matches().unwrap(), expected);
}

#[test]
fn the_two_sides_of_a_star_do_not_overlap() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.json"), "").unwrap();
    let pattern = dir.path().join("a.*.json");
    let pattern = Pattern::parse(pattern.to_str().unwrap()).unwrap();
    assert_eq!(pattern.matches(), Ok(Vec::new()));
}

#[test]
fn a_directory_that_is_not_there_has_no_files() {
    let pattern = Pattern::parse("/nonexistent/dir/*.yaml").unwrap();
    assert_eq!(pattern.matches(), Ok(Vec::new()));
}

#[test]
fn a_path_is_shown_as_it_was_written() {
    for (pattern, path) in [("*.json", "x.json"), ("./*.json", "./x.json"), ("d/*.yml", "d/x")] {
        let pattern = Pattern::parse(pattern).unwrap();
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        let expected = path.strip_prefix("./").unwrap_or(path);
        assert_eq!(pattern.path_of(name), Path::new(expected));
    }
}
