//! The table that shows a cluster at work.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::ledger::{Ledger, Report, Totals};
use crate::process::{Cluster, http};

#[cfg(test)]
mod tests;

/// How often the table is drawn on a terminal.
const LIVE: Duration = Duration::from_secs(1);
/// How often a line is written where there is no terminal.
const LOGGED: Duration = Duration::from_secs(10);

/// The lines on the screen.
pub(super) struct Table {
    terminal: bool,
    targets: usize,
    /// Lines to go back over.
    drawn: usize,
    /// The samples of each node when they were last looked at.
    last: (Instant, BTreeMap<String, u64>),
}

/// What a node says about itself.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    up: bool,
    targets: f64,
    moved: f64,
    peers: f64,
}

impl Table {
    /// Writes where everything is.
    pub(super) fn new(cluster: &Cluster, ledger: &Ledger, targets: usize) -> anyhow::Result<Self> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} nodes, {targets} targets\n", cluster.setups().len())?;
        for node in cluster.setups() {
            writeln!(out, "  {:<8} {}   log {}", node.name, node.url("/"), node.log.display())?;
        }
        writeln!(out, "  {:<8} http://{}/report", "ledger", ledger.address())?;
        writeln!(out, "\nCtrl-C stops all of it.\n")?;
        Ok(Self {
            terminal: out.is_terminal(),
            targets,
            drawn: 0,
            last: (Instant::now(), BTreeMap::new()),
        })
    }

    /// Draws again and again. Ends when a node has ended by itself.
    pub(super) async fn watch(
        &mut self,
        cluster: &mut Cluster,
        ledger: &Ledger,
    ) -> anyhow::Result<()> {
        let mut rhythm = tokio::time::interval(if self.terminal { LIVE } else { LOGGED });
        loop {
            rhythm.tick().await;
            let mut figures = Vec::new();
            for node in cluster.running() {
                node.child.check_alive()?;
                let figure = ask(&node.url("/metrics")).await;
                figures.push((node.setup.name.clone(), figure));
            }
            let totals = ledger.totals().borrow().clone();
            self.draw(&figures, totals)?;
        }
    }

    fn draw(&mut self, figures: &[(String, Figures)], totals: Totals) -> anyhow::Result<()> {
        let now = Instant::now();
        let text = self.text(figures, &totals, now);
        let mut out = std::io::stdout().lock();
        if self.terminal && self.drawn > 0 {
            // Back to the first line of the table, and clear what is below.
            write!(out, "\x1b[{}A\x1b[J", self.drawn)?;
        }
        write!(out, "{text}")?;
        out.flush()?;
        self.drawn = text.lines().count();
        self.last = (now, totals.by_node);
        Ok(())
    }

    fn text(&self, figures: &[(String, Figures)], totals: &Totals, now: Instant) -> String {
        let seconds = now.duration_since(self.last.0).as_secs_f64().max(0.001);
        let rate = |name: &str| {
            let count = |samples: &BTreeMap<String, u64>| samples.get(name).copied().unwrap_or(0);
            count(&totals.by_node).saturating_sub(count(&self.last.1)) as f64 / seconds
        };
        let mut text = String::from("node      peers   targets   samples/s   moved\n");
        for (name, figure) in figures {
            let Figures { up, targets, moved, peers } = *figure;
            text += &if up {
                format!("{name:<8} {peers:>6} {targets:>9} {:>11.0} {moved:>7}\n", rate(name))
            } else {
                format!("{name:<8} does not answer\n")
            };
        }
        let owned = figures.iter().fold(0.0, |sum, (_, figure)| sum + figure.targets);
        text += &format!("{:<8} {:>6} {owned:>9} of {}\n", "together", "", self.targets);
        let Totals { samples, series, missing, doubles, late, .. } = totals;
        text += &format!(
            "ledger: {samples} samples of {series} series, {missing} missing, {doubles} double, {late} late\n"
        );
        text
    }

    /// Writes the sums.
    pub(super) fn end(&self, report: &Report) -> anyhow::Result<()> {
        let totals = &report.totals;
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "\nstopped: {} samples, {} missing, {} double, {} late",
            totals.samples, totals.missing, totals.doubles, totals.late
        )?;
        for series in report.worst.iter().take(10) {
            writeln!(
                out,
                "  {} missing, {} double: {}",
                series.missing, series.doubles, series.series
            )?;
        }
        Ok(())
    }
}

async fn ask(url: &str) -> Figures {
    let Ok(page) = http::text(url).await else { return Figures::default() };
    Figures {
        up: true,
        targets: http::metric(&page, "prometheus_scrape_targets_gauge"),
        moved: http::metric(&page, "prometheus_scrape_targets_moved_total"),
        peers: http::metric(&page, "cluster_node_peers"),
    }
}
