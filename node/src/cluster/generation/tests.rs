use super::*;

fn next(directory: &Path, unix_seconds: u64) -> Generation {
    Generation::next(directory, unix_seconds).expect("the directory can be written")
}

#[test]
fn a_generation_grows_even_when_the_clock_goes_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("not/there/yet");
    assert_eq!(next(&path, 1000).current(), 1000);
    assert_eq!(next(&path, 2000).current(), 2000);
    assert_eq!(next(&path, 500).current(), 2001);
    assert_eq!(next(&path, 2001).current(), 2002);
}

#[test]
fn a_generation_that_was_raised_is_remembered() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut generation = next(directory.path(), 1000);
    generation.raise(5000).expect("it can be written");
    generation.raise(4000).expect("nothing to write");
    assert_eq!(generation.current(), 5000);
    assert_eq!(next(directory.path(), 1000).current(), 5001);
}

#[test]
fn garbage_on_disk_counts_as_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("generation"), "\u{0}garbage").expect("a file");
    assert_eq!(next(directory.path(), 1000).current(), 1000);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let error = Generation::next(&file, 1000).expect_err("a file is no directory");
    assert!(error.to_string().contains("generation"), "{error}");
}

#[test]
fn a_disk_that_is_full_keeps_nobody_from_starting() {
    for code in [28, 122] {
        assert!(is_full(&std::io::Error::from_raw_os_error(code)), "ENOSPC and EDQUOT");
    }
    assert!(!is_full(&std::io::Error::from_raw_os_error(13)), "EACCES");
}
