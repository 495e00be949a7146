//! Whether a page is well-formed: Prometheus, which has parsers of its own, and Shoal's parser are
//! of one opinion about every page that is one character away from a well-formed one, but for some
//! leniencies that have their reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics::{PageReader, ScrapeConfig};
use model::Labels;
use testnet::process::{World, eventually, http, real};
use url::Url;

use crate::Backend;
use crate::pages::{self, OPEN_METRICS, TEXT};

/// How long it may take until Prometheus has scraped every page.
const PATIENCE: Duration = Duration::from_secs(180);

const TEXT_PAGE: &str =
    "# HELP a Text.\n# TYPE a counter\na{b=\"c\",d=\"e\"} 1.5e3\nf NaN 170000\n";

const OPEN_METRICS_PAGE: &str =
    "# HELP a Text.\n# TYPE a counter\na_total{b=\"c\"} 1.5 # {d=\"e\"} 2 17.5\nf 1 170\n# EOF\n";

/// What is put between any two characters.
const INSERTED: [char; 11] = [' ', '\t', '\n', '"', '\\', '{', '=', ',', '#', '1', '-'];

/// Every page that lacks a character of this one, or has one more.
fn variants(page: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for at in 0..=page.len() {
        let (before, after) = page.split_at(at);
        if let Some(rest) = after.get(1..) {
            pages.push(format!("{before}{rest}"));
        }
        pages.extend(INSERTED.map(|inserted| format!("{before}{inserted}{after}")));
    }
    pages.sort();
    pages.dedup();
    pages
}

/// A reason to read what Prometheus refuses, and where it applies: to lines of one of the formats.
type Leniency = (&'static str, &'static str, fn(&str) -> bool);

const LENIENCIES: [Leniency; 6] = [
    ("blanks around a type leave no doubt which it is", TEXT, |line| {
        line != "# TYPE a counter"
            && line.starts_with("# TYPE a")
            && line.trim_end().ends_with("counter")
    }),
    (
        "Prometheus takes blanks before a name for a part of it, and the name is wrong then",
        TEXT,
        |line| line.starts_with([' ', '\t']),
    ),
    ("a NaN may have a sign", TEXT, |line| line.contains(" -NaN ")),
    ("a timestamp may lie before 1970", TEXT, |line| line.ends_with(" -170000")),
    ("an exemplar is taken of whatever series it is", OPEN_METRICS, |line| {
        line.contains(" # {") && !line.starts_with("a_total{")
    }),
    ("Prometheus 3 takes a comma behind the last label", OPEN_METRICS, |line| line.contains(",}")),
];

/// Why Shoal reads this page, which Prometheus refuses.
fn leniency(kind: &str, page: &str) -> Option<&'static str> {
    let applies = |(_, format, is_such): &&Leniency| *format == kind && page.lines().any(is_such);
    LENIENCIES.iter().find(applies).map(|(why, ..)| *why)
}

fn is_read(kind: &str, page: &str) -> bool {
    let mut reader = PageReader::new(Arc::new(ScrapeConfig::default()), Labels::default());
    reader.read(page.as_bytes(), Some(kind), 0).is_ok()
}

/// Which pages Prometheus could read, by the numbers of their paths.
async fn read_by_prometheus(base: &str, pages: usize) -> anyhow::Result<BTreeMap<usize, bool>> {
    let url = Url::parse_with_params(&format!("{base}/api/v1/query"), [("query", "up")])?;
    let answer = http::json(url.as_str()).await?;
    let series = answer["data"]["result"].as_array().context("no result")?;
    anyhow::ensure!(series.len() == pages, "{} of {pages} pages are scraped", series.len());
    let read = |series: &serde_json::Value| {
        let page = series["metric"]["page"].as_str()?.parse().ok()?;
        Some((page, series["value"][1].as_str()? == "1"))
    };
    series.iter().map(|series| read(series).context("not a series of ours")).collect()
}

#[tokio::test]
async fn prometheus_and_shoal_refuse_the_same_pages() -> anyhow::Result<()> {
    let world = World::new()?;
    let texts = variants(TEXT_PAGE).into_iter().map(|page| (TEXT, page));
    let open_metrics = variants(OPEN_METRICS_PAGE).into_iter().map(|page| (OPEN_METRICS, page));
    let all: Vec<(&str, String)> = texts.chain(open_metrics).collect();
    let served = all
        .iter()
        .enumerate()
        .map(|(number, (kind, page))| (format!("/{number}").into(), *kind, page.clone().into()));
    let address = pages::serve(&world, served.collect()).await?;
    let mut config = String::from(
        "global: {scrape_interval: 20s}\nscrape_configs:\n- job_name: malformed\n  static_configs:\n",
    );
    for number in 0..all.len() {
        writeln!(
            config,
            "  - {{targets: ['{address}'], labels: {{__metrics_path__: /{number}, page: '{number}'}}}}"
        )?;
    }
    let command = |folder: &Path, port| real::prometheus(folder, port, &config);
    let prometheus = Backend::start(&world, "prometheus", "/-/ready", command).await?;
    let read = eventually("every page to be scraped", PATIENCE, async || {
        read_by_prometheus(&prometheus.base, all.len()).await
    })
    .await?;

    let (mut differences, mut lenient) = (Vec::new(), BTreeSet::new());
    let mut refused = 0;
    for (number, (kind, page)) in all.iter().enumerate() {
        let theirs = *read.get(&number).context("a page is missing")?;
        refused += usize::from(!theirs);
        match (theirs, is_read(kind, page)) {
            (true, false) => differences.push(format!("Prometheus alone reads {page:?}")),
            (false, true) => match leniency(kind, page) {
                Some(why) => {
                    lenient.insert(why);
                }
                None => differences.push(format!("Shoal alone reads {page:?}")),
            },
            _ => {}
        }
    }
    assert!(differences.is_empty(), "{} of {}: {differences:#?}", differences.len(), all.len());
    assert!(refused > all.len() / 4 && refused < all.len(), "{refused} of {}", all.len());
    assert_eq!(lenient.len(), LENIENCIES.len(), "no page needs the others than {lenient:#?}");
    world.end().await;
    Ok(())
}
