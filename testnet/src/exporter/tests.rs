use std::collections::BTreeSet;
use std::io::Read;

use super::page::{Shape, render};
use super::*;
use crate::process::{World, http};

/// The series of a page: what stands before the value.
fn series(page: &str) -> Vec<&str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

#[test]
fn a_page_has_as_many_different_series_as_asked() {
    for (count, churning) in [(1, 0), (7, 0), (50, 5), (500, 500), (5000, 100)] {
        let page = render(Shape { series: count, churning, generation: 1, variant: 3 });
        let found = series(&page);
        assert_eq!(found.len(), count);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), count, "series of {count} repeat");
    }
}

#[test]
fn churn_changes_as_many_series_as_asked() {
    let page = |generation| render(Shape { series: 500, churning: 40, generation, variant: 0 });
    let (before, after) = (page(1), page(2));
    let before: BTreeSet<_> = series(&before).into_iter().collect();
    let after: BTreeSet<_> = series(&after).into_iter().collect();
    assert_eq!(before.difference(&after).count(), 40);
}

#[test]
fn values_move_from_variant_to_variant_and_series_stay() {
    let page = |variant| render(Shape { series: 500, churning: 0, generation: 0, variant });
    let (first, second) = (page(0), page(1));
    assert_eq!(series(&first), series(&second));
    let moved = first.lines().zip(second.lines()).filter(|(a, b)| a != b).count();
    assert!((100..400).contains(&moved), "{moved} of 500 moved");
}

#[test]
fn addresses_and_targets_belong_to_each_other() {
    for target in [0, 1, 249, 250, 9_999, MAX_TARGETS - 1] {
        assert_eq!(target_at([127, 1], address([127, 1], target)), Some(target));
    }
    assert_eq!(target_at([127, 1], Ipv4Addr::LOCALHOST), None);
    assert_eq!(target_at([127, 1], Ipv4Addr::new(127, 1, 0, 0)), None);
}

#[tokio::test]
async fn every_target_of_a_fleet_has_an_address_and_a_page() {
    let world = World::new().unwrap();
    let config = Config { targets: 300, announced: 200, series: 20, ..Config::default() };
    let fleet = Fleet::start(config, &world.tasks, &world.cancel).await.unwrap();
    for target in [0, 299] {
        let page = http::text(&format!("http://{}/metrics", fleet.address(target))).await.unwrap();
        assert_eq!(series(&page).len(), 20);
        assert_eq!(fleet.scrapes(target), 1);
    }
    assert_eq!(fleet.scrapes(1), 0);

    let announced = async |fleet: &Fleet| {
        let groups = http::json(&fleet.discovery_url()).await.unwrap();
        groups[0]["targets"].as_array().unwrap().len()
    };
    assert_eq!(announced(&fleet).await, 200);
    fleet.announce(250);
    assert_eq!(announced(&fleet).await, 250);
    world.end().await;
}

#[tokio::test]
async fn a_target_misbehaves_when_it_is_told_to() {
    let world = World::new().unwrap();
    let config = Config { targets: 3, series: 5, ..Config::default() };
    let fleet = Fleet::start(config, &world.tasks, &world.cancel).await.unwrap();
    let url = |target| format!("http://{}/metrics", fleet.address(target));
    fleet.set_fault(0, Fault::Error);
    fleet.set_fault(1, Fault::Malformed);
    let (status, _) = http::ask(::http::Method::GET, &url(0)).await.unwrap();
    assert_eq!(status, 500);
    assert!(http::text(&url(1)).await.unwrap().ends_with("unterminated"));
    fleet.set_fault(0, Fault::None);
    assert!(http::text(&url(0)).await.is_ok());
    world.end().await;
}

#[test]
fn the_compressed_page_is_the_page() {
    let pages = Pages::render(&Config { series: 100, ..Config::default() }, 0);
    for scrape in 0..10 {
        let page = pages.nth(scrape);
        let mut text = Vec::new();
        let compressed = page.gzip.as_deref().unwrap();
        flate2::read::GzDecoder::new(compressed).read_to_end(&mut text).unwrap();
        assert_eq!(text, page.plain);
    }
}

#[tokio::test(start_paused = true)]
async fn series_come_and_go_with_time() {
    let config = Config { targets: 1, series: 10, churning: 5, ..Config::default() };
    let (publish, mut pages) = watch::channel(Arc::new(Pages::render(&config, 0)));
    let first = pages.borrow_and_update().nth(0).plain.clone();
    let churn = pages::churn(config, publish);
    let change = async {
        pages.changed().await.unwrap();
        pages.borrow_and_update().nth(0).plain.clone()
    };
    let second = tokio::select! {
        () = churn => unreachable!("churn goes on for ever"),
        page = change => page,
    };
    assert_ne!(first, second);
}
