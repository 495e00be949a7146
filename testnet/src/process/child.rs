//! One child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{ChildStdin, Command};

/// A running program, its output in a file. Killed when dropped.
#[derive(Debug)]
pub struct Child {
    name: String,
    child: tokio::process::Child,
    /// Kept here, because waiting for a child closes the standard input that it keeps itself.
    stdin: Option<ChildStdin>,
    log: PathBuf,
}

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, of the program and of the kernel on its behalf.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub resident: u64,
}

impl Child {
    /// Starts a program with its output appended to a file. Its standard input stays open as long
    /// as this value lives.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            // Ctrl-C on a terminal is for the one who started it, who then asks his children.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let stdin = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, stdin, log: log.to_owned() })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, until it has been waited for.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The last lines of its output.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// All of its output so far.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    ///
    /// With how it ended and its last words.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                anyhow::bail!("{} has ended: {status}\n{}", self.name, self.log_tail())
            }
        }
    }

    /// Asks it to end, and waits.
    ///
    /// # Errors
    ///
    /// When it does not end in time; it is killed then.
    pub async fn terminate(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(patience).await
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    ///
    /// When it does not end in time; it is killed then.
    pub async fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => {
                let tail = self.log_tail();
                self.child.kill().await?;
                let waited = patience.as_secs();
                anyhow::bail!("{} did not end within {waited} s\n{tail}", self.name)
            }
        }
    }

    /// Asks it to end, waits, and expects it to end well.
    ///
    /// # Errors
    ///
    /// When it does not end in time, or not well: with its last words.
    pub async fn end(mut self, patience: Duration) -> anyhow::Result<()> {
        let status = self.terminate(patience).await?;
        let tail = self.log_tail();
        anyhow::ensure!(status.success(), "{} ended badly: {status}\n{tail}", self.name);
        Ok(())
    }

    /// Kills it, which it does not notice, and waits.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Closes its standard input, and waits.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub async fn close_stdin(mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        drop(self.stdin.take());
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} goes on without standard input", self.name))??)
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.raw_pid()?, signal)
            .with_context(|| format!("no signal for {}", self.name))
    }

    fn raw_pid(&self) -> anyhow::Result<Pid> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.with_context(|| format!("{} has ended", self.name))
    }

    /// Interrupts it and whoever is in its process group, as Ctrl-C on a terminal does.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn interrupt_group(&self) -> anyhow::Result<()> {
        kill_process_group(self.raw_pid()?, Signal::INT)
            .with_context(|| format!("no signal for the group of {}", self.name))
    }

    /// What it has used until now, as Linux tells.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let pid = self.pid().with_context(|| format!("{} has ended", self.name))?;
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            std::fs::read_to_string(&path).with_context(|| path)
        };
        let cpu = cpu_ticks(&read("stat")?).context("/proc/PID/stat is not as expected")?;
        let resident = resident_kib(&read("status")?).context("/proc/PID/status has no VmRSS")?;
        let per_second = rustix::param::clock_ticks_per_second();
        let cpu = Duration::from_secs_f64(cpu as f64 / per_second as f64);
        Ok(Usage { cpu, resident: resident * 1024 })
    }
}

/// User and system time in `/proc/PID/stat`: the 14th and 15th field, where the second, the
/// program's name in parentheses, may contain anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
