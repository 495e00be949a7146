//! Programs of others, as Debian packages them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// A program and the package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Prometheus, as a server or as an agent.
    Prometheus,
    /// VictoriaMetrics, single node.
    VictoriaMetrics,
    /// VictoriaMetrics' agent.
    Vmagent,
    /// Prometheus' tool for rules.
    Promtool,
    /// The exporter of a machine's own figures.
    NodeExporter,
    /// What makes interfaces and bridges.
    Ip,
    /// What drops packets.
    Nft,
}

impl Program {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Prometheus => ("prometheus", "prometheus"),
            Self::VictoriaMetrics => ("victoria-metrics", "victoria-metrics"),
            Self::Vmagent => ("vmagent", "victoria-metrics"),
            Self::Promtool => ("promtool", "prometheus"),
            Self::NodeExporter => ("prometheus-node-exporter", "prometheus-node-exporter"),
            Self::Ip => ("ip", "iproute2"),
            Self::Nft => ("nft", "nftables"),
        }
    }

    /// Where the program is.
    ///
    /// # Errors
    ///
    /// When it is not installed: the line that installs it.
    pub fn find(self) -> anyhow::Result<PathBuf> {
        self.find_in(&std::env::var_os("PATH").unwrap_or_default())
    }

    pub(super) fn find_in(self, path: &OsStr) -> anyhow::Result<PathBuf> {
        let (program, package) = self.names();
        let found = std::env::split_paths(path).map(|folder| folder.join(program));
        found.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            anyhow::anyhow!(
                "`{program}` is not installed; this installs it: \
                 apt-get install -y --no-install-recommends {package}"
            )
        })
    }

    /// A command that runs the program, to be killed by the kernel when the thread that starts it
    /// ends, however that happens.
    ///
    /// # Errors
    ///
    /// When the program is not installed.
    pub fn command(self) -> anyhow::Result<Command> {
        let path = self.find()?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(path);
        Ok(command)
    }
}

/// A Prometheus server with this configuration.
///
/// # Errors
///
/// When it is not installed, or its configuration cannot be written.
pub fn prometheus(folder: &Path, port: u16, config: &str) -> anyhow::Result<Command> {
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config)?;
    let mut command = Program::Prometheus.command()?;
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.arg("--log.level=warn");
    Ok(command)
}

/// A Prometheus server that takes remote writes.
///
/// # Errors
///
/// When it is not installed, or its configuration cannot be written.
pub fn prometheus_receiver(folder: &Path, port: u16) -> anyhow::Result<Command> {
    let mut command = prometheus(folder, port, "global: {}\n")?;
    command.arg("--web.enable-remote-write-receiver");
    Ok(command)
}

/// A VictoriaMetrics server, which keeps one of several samples of a series with one timestamp.
///
/// # Errors
///
/// When it is not installed.
pub fn victoria_metrics(folder: &Path, port: u16) -> anyhow::Result<Command> {
    let mut command = Program::VictoriaMetrics.command()?;
    command.arg(format!("-storageDataPath={}", folder.join("vm").display()));
    command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
    command.arg("-search.latencyOffset=0s");
    command.arg("-dedup.minScrapeInterval=1ms");
    Ok(command)
}

/// An exporter of this machine's figures.
///
/// # Errors
///
/// When it is not installed.
pub fn node_exporter(port: u16) -> anyhow::Result<Command> {
    let mut command = Program::NodeExporter.command()?;
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Ok(command)
}
