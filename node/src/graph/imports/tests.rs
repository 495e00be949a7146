use syntax::{Host, Scope, Source, Stability};

use super::*;

#[test]
fn every_argument_of_an_imported_file_reaches_what_watches_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("lib.alloy");
    std::fs::write(&path, "declare \"a\" { }").expect("a file");
    let minute = Duration::from_secs(60);
    for (more, hints, frequency) in [
        ("", true, minute),
        ("detector = \"fsnotify\"", true, minute),
        ("detector = \"poll\"\npoll_frequency = \"7s\"", false, Duration::from_secs(7)),
    ] {
        let text = format!("import.file \"lib\" {{\nfilename = {path:?}\n{more}\n}}\n");
        let (file, mistakes) = syntax::parse(&Source::new("test.alloy", text));
        assert!(!mistakes.has_errors(), "{mistakes}");
        let block = file.body.blocks().next().expect("there is one block");
        let scope = Scope::new(&Host::default(), Stability::GenerallyAvailable);
        let (evaluated, _) = Evaluated::new(block, &scope);
        let read = read(ImportKind::File, "import.file.lib", &evaluated).expect("it can be read");
        let (watched, _) = read.1.expect("a file is watched");
        assert_eq!(watched, Watched { path: path.clone(), frequency, hints }, "{more}");
    }
}
