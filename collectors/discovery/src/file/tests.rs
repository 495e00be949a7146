use std::os::unix::fs::symlink;

use super::*;
use crate::Health;
use crate::testing::{Running, addresses, shown};

const NEVER: Duration = Duration::from_secs(3600);

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// As careful writers do: a reader never sees half of it.
    fn write(&self, name: &str, content: &str) {
        let aside = self.path("aside");
        std::fs::write(&aside, content).unwrap();
        std::fs::rename(aside, self.path(name)).unwrap();
    }
}

fn start(files: &[String], refresh_interval: Duration) -> Running<Targets> {
    let config = Config { files: files.to_vec(), refresh_interval };
    let source = FileDiscovery::new(&config).unwrap();
    Running::start(|publisher, stop| source.run(publisher, stop))
}

fn group(address: &str) -> String {
    format!(r#"[{{"targets":["{address}"]}}]"#)
}

#[tokio::test]
async fn the_targets_of_all_files_are_one_snapshot() {
    let dir = Dir::new();
    dir.write("a.json", r#"[{"targets":["one:1"],"labels":{"job":"x"}}]"#);
    dir.write("b.yml", "- targets: [two:2]\n");
    let mut running = start(&[dir.path("*.json"), dir.path("b.yml")], NEVER);
    let expected = format!(
        "{{__address__=\"one:1\", __meta_filepath={:?}, job=\"x\"}}\n\
         {{__address__=\"two:2\", __meta_filepath={:?}}}",
        dir.path("a.json"),
        dir.path("b.yml"),
    );
    assert_eq!(shown(&running.export(|_| true).await), expected);
    running.status(|status| status.health == Health::Healthy).await;
}

#[tokio::test]
async fn no_file_at_all_is_known_to_be_no_target() {
    let dir = Dir::new();
    let mut running = start(&[dir.path("*.json"), dir.path("absent.yml")], NEVER);
    assert!(running.export(|_| true).await.is_empty());
}

#[tokio::test]
async fn a_change_is_seen_long_before_the_refresh() {
    let dir = Dir::new();
    dir.write("a.json", &group("one:1"));
    let mut running = start(&[dir.path("*.json")], NEVER);
    running.export(|targets| addresses(targets) == ["one:1"]).await;
    dir.write("a.json", &group("two:2"));
    running.export(|targets| addresses(targets) == ["two:2"]).await;
    dir.write("b.json", &group("three:3"));
    running.export(|targets| addresses(targets) == ["two:2", "three:3"]).await;
    std::fs::remove_file(dir.path("a.json")).unwrap();
    running.export(|targets| addresses(targets) == ["three:3"]).await;
}

#[tokio::test]
async fn a_mounted_config_map_that_is_swapped_is_seen() {
    // Kubernetes: file -> ..data/file, ..data -> a directory that is replaced by renaming the link.
    let dir = Dir::new();
    for (version, address) in [("..v1", "one:1"), ("..v2", "two:2")] {
        std::fs::create_dir(dir.path(version)).unwrap();
        std::fs::write(dir.path(&format!("{version}/a.json")), group(address)).unwrap();
    }
    symlink("..v1", dir.path("..data")).unwrap();
    symlink("..data/a.json", dir.path("a.json")).unwrap();
    let mut running = start(&[dir.path("a.json")], NEVER);
    running.export(|targets| addresses(targets) == ["one:1"]).await;
    symlink("..v2", dir.path("..next")).unwrap();
    std::fs::rename(dir.path("..next"), dir.path("..data")).unwrap();
    running.export(|targets| addresses(targets) == ["two:2"]).await;
}

#[tokio::test]
async fn a_directory_that_comes_later_is_found_by_the_refresh() {
    let dir = Dir::new();
    let mut running = start(&[dir.path("later/*.json")], Duration::from_millis(20));
    assert!(running.export(|_| true).await.is_empty());
    std::fs::create_dir(dir.path("later")).unwrap();
    dir.write("later/a.json", &group("one:1"));
    running.export(|targets| addresses(targets) == ["one:1"]).await;
}

#[tokio::test]
async fn a_broken_file_keeps_its_targets_and_does_not_hold_up_the_others() {
    let dir = Dir::new();
    dir.write("a.json", &group("one:1"));
    dir.write("b.json", &group("two:2"));
    let mut running = start(&[dir.path("*.json")], NEVER);
    running.export(|targets| targets.len() == 2).await;

    dir.write("a.json", "[{");
    let reason = running.failure().await;
    assert!(reason.contains("a.json") && reason.contains("line 1"), "{reason}");
    dir.write("b.json", &group("three:3"));
    running.export(|targets| addresses(targets) == ["one:1", "three:3"]).await;

    dir.write("a.json", "[]");
    running.status(|status| status.health == Health::Healthy).await;
    running.export(|targets| addresses(targets) == ["three:3"]).await;
}

#[tokio::test]
async fn nothing_is_exported_while_every_file_is_broken() {
    let dir = Dir::new();
    dir.write("a.json", "nonsense");
    let mut running = start(&[dir.path("a.json")], NEVER);
    running.failure().await;
    assert_eq!(running.current(), None);
    dir.write("a.json", "[]");
    assert!(running.export(|_| true).await.is_empty());
}

#[tokio::test]
async fn a_source_stops_when_it_is_told_to() {
    let dir = Dir::new();
    let config = Config { files: vec![dir.path("*.json")], refresh_interval: NEVER };
    let source = FileDiscovery::new(&config).unwrap();
    let (publisher, _subscription) = crate::targets();
    let stop = CancellationToken::new();
    stop.cancel();
    source.run(publisher, stop).await;
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let config = |files: &[&str], refresh_interval| Config {
        files: files.iter().map(|&file| file.to_owned()).collect(),
        refresh_interval,
    };
    assert!(FileDiscovery::new(&config(&[], NEVER)).is_err());
    assert!(FileDiscovery::new(&config(&["a.json"], Duration::ZERO)).is_err());
    assert!(FileDiscovery::new(&config(&["a.json", "a.txt"], NEVER)).is_err());
}
