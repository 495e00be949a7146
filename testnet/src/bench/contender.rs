//! The programs that are compared, and how each is told to do the same.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::process::Command;

use crate::process::real::Program;

/// A program that scrapes and ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Contender {
    /// This program.
    Shoal,
    /// Prometheus in agent mode.
    Prometheus,
    /// VictoriaMetrics' agent.
    Vmagent,
}

/// What a program is told.
pub(super) struct Task<'a> {
    /// Lists the targets, in the format of Prometheus' HTTP discovery.
    pub(super) targets_url: &'a str,
    /// Takes what was scraped.
    pub(super) write_url: &'a str,
    pub(super) interval: Duration,
    /// Where the program's own HTTP listens, on loopback.
    pub(super) port: u16,
    /// Where it may keep files.
    pub(super) folder: &'a Path,
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::Prometheus, Self::Vmagent, Self::Shoal];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Shoal => "shoal",
            Self::Prometheus => "prometheus",
            Self::Vmagent => "vmagent",
        }
    }

    fn program(self) -> Option<Program> {
        match self {
            Self::Shoal => None,
            Self::Prometheus => Some(Program::Prometheus),
            Self::Vmagent => Some(Program::Vmagent),
        }
    }

    /// Fails with the line that installs the program, if it is missing.
    pub(super) fn check_installed(self) -> anyhow::Result<()> {
        self.program().map_or(Ok(()), |program| program.find().map(drop))
    }

    /// The command that does the task; writes its configuration.
    pub(super) fn command(self, task: &Task<'_>) -> anyhow::Result<Command> {
        match self {
            Self::Shoal => shoal(task),
            Self::Prometheus => prometheus(task),
            Self::Vmagent => vmagent(task),
        }
    }
}

fn shoal(task: &Task<'_>) -> anyhow::Result<Command> {
    let interval = model::duration::format(task.interval);
    let Task { targets_url, write_url, port, folder, .. } = task;
    let config = folder.join("config.alloy");
    std::fs::write(
        &config,
        format!(
            r#"discovery.http "targets" {{
  url = "{targets_url}"
}}

prometheus.scrape "targets" {{
  targets         = discovery.http.targets.targets
  forward_to      = [prometheus.remote_write.sink.receiver]
  scrape_interval = "{interval}"
  scrape_timeout  = "{interval}"
}}

prometheus.remote_write "sink" {{
  endpoint {{
    url = "{write_url}"
  }}
}}
"#
        ),
    )?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["shoal", "run"]).arg(config);
    command.arg(format!("--server.http.listen-addr=127.0.0.1:{port}"));
    command.arg("--storage.path").arg(folder.join("storage")).arg("--exit-on-stdin-eof");
    Ok(command)
}

/// What Prometheus and vmagent both read.
fn scrape_config(task: &Task<'_>) -> String {
    let interval = model::duration::format(task.interval);
    format!(
        "global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n\
         scrape_configs:\n  - job_name: targets\n    http_sd_configs:\n      - url: {}\n",
        task.targets_url
    )
}

fn prometheus(task: &Task<'_>) -> anyhow::Result<Command> {
    let Task { write_url, port, folder, .. } = task;
    let config = folder.join("prometheus.yml");
    let write = format!("remote_write:\n  - url: {write_url}\n");
    std::fs::write(&config, scrape_config(task) + &write)?;
    let mut command = Program::Prometheus.command()?;
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.agent.path={}", folder.join("wal").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.args(["--enable-feature=agent", "--log.level=warn"]);
    Ok(command)
}

fn vmagent(task: &Task<'_>) -> anyhow::Result<Command> {
    let Task { write_url, port, folder, .. } = task;
    let config = folder.join("vmagent.yml");
    std::fs::write(&config, scrape_config(task))?;
    let mut command = Program::Vmagent.command()?;
    command.arg(format!("-promscrape.config={}", config.display()));
    command.arg(format!("-remoteWrite.url={write_url}"));
    command.arg(format!("-remoteWrite.tmpDataPath={}", folder.join("queue").display()));
    command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
    command.arg("-loggerLevel=WARN");
    Ok(command)
}
