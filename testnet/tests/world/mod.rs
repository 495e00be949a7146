//! What the suites with real processes have in common.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testnet::exporter::{self, Fleet};
use testnet::process::{Setup, World};

/// How long anything may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The scrape interval of the suites.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// A configuration that scrapes these targets, shared among the nodes of the cluster.
pub(crate) fn configuration(targets: &[String]) -> String {
    let targets: String =
        targets.iter().map(|target| format!("    {{\"__address__\" = \"{target}\"}},\n")).collect();
    let interval = model::duration::format(INTERVAL);
    format!(
        r#"prometheus.scrape "targets" {{
  targets = [
{targets}  ]
  forward_to      = [prometheus.remote_write.backend.receiver]
  job_name        = "targets"
  scrape_interval = "{interval}"
  scrape_timeout  = "{interval}"

  clustering {{
    enabled = true
  }}
}}

prometheus.remote_write "backend" {{
  endpoint {{
    url = sys.env("TESTNET_WRITE_URL")

    queue_config {{
      batch_send_deadline = "200ms"
    }}
  }}
}}
"#
    )
}

/// The addresses of the first targets of a fleet.
pub(crate) fn addresses(fleet: &Fleet, targets: usize) -> Vec<String> {
    (0..targets).map(|target| fleet.address(target).to_string()).collect()
}

/// Synthetic targets with a few series each.
pub(crate) async fn fleet(world: &World, targets: usize) -> anyhow::Result<Fleet> {
    let config = exporter::Config { targets, series: 5, ..exporter::Config::default() };
    Fleet::start(config, &world.tasks, &world.cancel).await
}

/// Writes a configuration file.
pub(crate) fn write(world: &World, text: &str) -> anyhow::Result<PathBuf> {
    let file = world.folder("config")?.join("config.alloy");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// What nodes with this configuration have in common.
pub(crate) fn setup(config: &Path) -> Setup {
    Setup {
        program: env!("CARGO_BIN_EXE_testnet").into(),
        config: config.to_owned(),
        targets_url: String::new(),
        flags: Vec::new(),
    }
}
