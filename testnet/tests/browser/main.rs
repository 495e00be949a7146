//! The pages of a real cluster in a real browser.
//! `cargo test -p testnet --features real-programs --test browser`

use serde_json::Value;
use testnet::process::{Cluster, World, eventually, http};

mod chromium;
#[path = "../world/divergence.rs"]
mod divergence;
#[path = "../world/mod.rs"]
mod world;

use chromium::{Chromium, Screen};
use divergence::Divergence;
use world::{PATIENCE, addresses, configuration, fleet, setup};

const DESK: Screen = Screen { width: 1280, height: 900, dark: false };
const PHONE: Screen = Screen { width: 390, height: 844, dark: true };
/// So many that neither of two nodes is without any, wherever they are.
const TARGETS: usize = 40;

/// A page, words that have to be on it, and what has to be so in it.
type Page = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

/// The pages, while the backend is away.
const PAGES: &[Page] = &[
    (
        "/",
        &["Component graph", "prometheus.scrape.targets", "prometheus.remote_write.backend"],
        &[(
            "what waits for the backend is counted",
            "[...document.querySelectorAll('.tile')].some(tile => \
                 tile.querySelector('.name').textContent === 'Samples waiting' && \
                 tile.querySelector('.value').textContent !== '0' && \
                 tile.querySelector('.note').textContent.startsWith('the oldest for '))",
        )],
    ),
    (
        "/component/prometheus.scrape.targets",
        &["Arguments", "Targets collected here"],
        &[(
            "each of its targets is up",
            "(() => { const cells = [...document.querySelectorAll('td[data-name=Health]')]; \
                 return cells.length > 0 && cells.every(cell => cell.textContent === 'up'); })()",
        )],
    ),
    (
        "/component/prometheus.remote_write.backend",
        &["Arguments", "Exports"],
        // As in Alloy: that nobody takes what it sends is not its fault.
        &[(
            "it is well",
            "document.querySelector('h1 .health.healthy').textContent.endsWith(' healthy') && \
                 document.querySelector('h1 + p').textContent.startsWith('started component ')",
        )],
    ),
    (
        "/clustering",
        &["node-1", "node-2", "participant", "Who collects how much"],
        &[(
            "each node has a bar that is as long as its share",
            "(() => { const shares = [...document.querySelectorAll('table.shares td.share')]; \
                 const count = share => parseInt(share.querySelector('span').textContent); \
                 const most = Math.max(...shares.map(count)); \
                 return shares.length === 2 && most > 0 && shares.every(share => { \
                     const whole = share.querySelector('svg').getBoundingClientRect().width; \
                     const bar = share.querySelector('rect.bar'); \
                     const found = bar.getBoundingClientRect().width / whole; \
                     return whole > 0 && Math.abs(found - count(share) / most) < 0.01 && \
                         getComputedStyle(bar).fill !== 'none'; }); })()",
        )],
    ),
    ("/targets", &["40 found", "prometheus.scrape.targets"], &[]),
];

#[tokio::test]
async fn pages_read_well_on_a_desk_and_on_a_phone_in_the_dark() -> anyhow::Result<()> {
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
    // Nothing listens there: the pages have to show a backend that is away, too.
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::start(&world, setup(&config), 2, away).await?;
    let base = cluster.node(0).url("");
    let base = base.trim_end_matches('/').to_owned();
    eventually("every target to have been scraped", PATIENCE, async || {
        let answer = http::json(&format!("{base}/api/v1/targets")).await?.to_string();
        anyhow::ensure!(answer.matches(r#""health":"up""#).count() == TARGETS, "{answer}");
        Ok(())
    })
    .await?;
    eventually("samples to wait for the backend", PATIENCE, async || {
        let page = http::text(&format!("{base}/metrics")).await?;
        let waiting = http::metric(&page, "prometheus_remote_storage_samples_pending");
        anyhow::ensure!(waiting > 0.0, "{waiting}");
        Ok(())
    })
    .await?;

    let mut browser = Chromium::start(&world.folder("chromium")?).await?;
    for (page, words, facts) in PAGES {
        for screen in [DESK, PHONE] {
            browser.open(&format!("{base}{page}"), screen).await?;
            let text = browser.evaluate("document.body.innerText").await?;
            let text = text.as_str().unwrap_or_default();
            for word in *words {
                assert!(text.contains(word), "{page} does not say {word:?}:\n{text}");
            }
            for (fact, expression) in *facts {
                let found = browser.evaluate(expression).await?;
                assert_eq!(found, Value::Bool(true), "{page} on {screen:?}: {fact}\n{text}");
            }
            let overflow = "document.scrollingElement.scrollWidth - window.innerWidth";
            let overflow = browser.evaluate(overflow).await?;
            assert!(overflow.as_i64() <= Some(0), "{page} on {screen:?}: {overflow} px too wide");
            let ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0]";
            let ground = browser.evaluate(ground).await?;
            let ground: u8 = ground.as_str().unwrap_or_default().parse()?;
            assert_eq!(ground < 128, screen.dark, "{page} on {screen:?} has ground {ground}");
        }
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{page}");
    }

    // As a person would: from the overview to a component, then a search over the cluster.
    browser.open(&format!("{base}/"), DESK).await?;
    let first_box = "document.querySelector('svg.graph a').dispatchEvent(\
         new MouseEvent('click', {bubbles: true, cancelable: true}))";
    browser.follow(first_box).await?;
    let path = browser.evaluate("location.pathname").await?;
    assert!(path.as_str().is_some_and(|path| path.starts_with("/component/")), "{path}");
    browser.open(&format!("{base}/targets"), DESK).await?;
    let wanted = fleet.address(3).to_string();
    let search = format!(
        "document.querySelector('input[type=search]').value = '{wanted}';\
         document.querySelector('form button').click()"
    );
    browser.follow(&search).await?;
    let rows = browser.evaluate("document.querySelectorAll('tbody tr').length").await?;
    assert_eq!(rows, Value::from(1), "one target has the address {wanted}");
    drop(cluster);
    Ok(())
}

#[tokio::test]
async fn the_cluster_page_shows_what_an_owner_does_not_know_and_in_which_label_nodes_differ()
-> anyhow::Result<()> {
    let world = World::new()?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut two = Divergence::begin(&world, away).await?;
    two.audit(0).await?;
    let mut browser = Chromium::start(&world.folder("chromium")?).await?;
    for (node, screen) in [(0, DESK), (1, PHONE)] {
        let url = two.cluster.node(node).url("/clustering");
        browser.open(&url, screen).await?;
        let text = browser.evaluate("document.body.innerText").await?;
        let text = text.as_str().unwrap_or_default();
        let words = [
            "collected by another node than their owner",
            "covered",
            "node-2 owns it and does not know it",
            "prometheus.scrape.targets",
            "zone",
        ];
        let lost = two.lost.iter().map(String::as_str);
        for word in words.into_iter().chain(lost).chain([two.relabelled.as_str()]) {
            assert!(text.contains(word), "node {node} does not say {word:?}:\n{text}");
        }
        let overflow = "document.scrollingElement.scrollWidth - window.innerWidth";
        let overflow = browser.evaluate(overflow).await?;
        assert!(overflow.as_i64() <= Some(0), "on {screen:?}: {overflow} px too wide");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(two);
    Ok(())
}
