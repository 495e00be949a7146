//! The command line of the test world.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{bench, continuity, sim, tables, up};

#[derive(Debug, Parser)]
#[command(name = "testnet", about = "The world around Shoal")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a cluster on loopback with synthetic targets and a ledger, and watch it.
    Up(up::Arguments),
    /// Simulate a cluster with faults, in virtual time.
    Sim(Sim),
    /// Measure membership in virtual time, and print tables.
    Tables(tables::Arguments),
    /// Play what may happen to a cluster, and look for every tick in the backend.
    Continuity(continuity::Arguments),
    /// Measure Shoal beside Prometheus' agent and vmagent on the same pages.
    Bench(bench::Arguments),
    /// The node itself, so that this one program is all that is needed.
    #[command(hide = true, disable_help_flag = true)]
    Shoal {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// `testnet sim`, and what else there is to simulate.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Sim {
    #[command(flatten)]
    arguments: sim::Arguments,
    #[command(subcommand)]
    other: Option<OtherSim>,
}

#[derive(Debug, Subcommand)]
enum OtherSim {
    /// Play what may happen to a cluster in virtual time, and look for every tick.
    Continuity(sim::continuity::Arguments),
}

/// Runs what a command line asks for; the first argument is the program's name.
pub fn main_from(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { code.into() } else { ExitCode::FAILURE };
        }
    };
    let done = match arguments.command {
        Command::Shoal { arguments } => {
            return node::cli::main_from(std::iter::once("shoal".into()).chain(arguments));
        }
        Command::Up(arguments) => in_runtime(up::run(arguments)),
        Command::Sim(Sim { other: Some(OtherSim::Continuity(arguments)), .. }) => {
            sim::continuity::run(&arguments, &mut std::io::stdout())
        }
        Command::Sim(Sim { arguments, other: None }) => {
            sim::run(&arguments, &mut std::io::stdout())
        }
        Command::Tables(arguments) => tables::run(&arguments),
        Command::Continuity(arguments) => {
            // Where hosts are namespaces, a thread is on one of them.
            in_one_thread(continuity::run(arguments))
        }
        Command::Bench(arguments) => in_runtime(bench::run(arguments)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With nobody to read it there is nobody to tell.
            drop(writeln!(std::io::stderr(), "testnet: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn in_runtime(run: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    block_on(&mut tokio::runtime::Builder::new_multi_thread(), run)
}

fn in_one_thread(run: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    block_on(&mut tokio::runtime::Builder::new_current_thread(), run)
}

fn block_on(
    runtime: &mut tokio::runtime::Builder,
    run: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::builder()
                .with_default_directive(tracing::Level::WARN.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    raise_file_limit();
    runtime.enable_all().build()?.block_on(run)
}

/// Thousands of targets are thousands of connections; children inherit the limit.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// A duration of the command line: `15s`, `2m`.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let duration = model::duration::parse(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must not be zero".to_owned()) } else { Ok(duration) }
}
