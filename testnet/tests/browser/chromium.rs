//! A headless Chromium, driven over its debugging pipe.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long one answer may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page open. It ends when it is dropped.
pub(crate) struct Chromium {
    /// Dropping it kills the process.
    _child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    /// What the page complained of: exceptions, errors on the console, resources that failed.
    complaints: Vec<String>,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

impl Chromium {
    /// Starts the browser with an empty profile below `folder`.
    pub(crate) async fn start(folder: &std::path::Path) -> anyhow::Result<Self> {
        // Chromium reads commands from descriptor 3 and answers on descriptor 4.
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-quic \
             --no-first-run --disable-background-networking --disable-component-update \
             --disable-sync --remote-debugging-pipe --user-data-dir=\"$1\" about:blank \
             3<&0 4>&1 >/dev/null 2>&1";
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "sh", "-c", script, "sh"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("setpriv starts a shell")?;
        let commands = child.stdin.take().context("the pipe is there")?;
        let answers = BufReader::new(child.stdout.take().context("the pipe is there")?);
        let mut browser = Self {
            _child: child,
            commands,
            answers,
            session: None,
            last_id: 0,
            complaints: Vec::new(),
        };
        let page =
            browser.call("Target.createTarget", json!({"url": "about:blank"})).await.context(
                "chromium does not answer; this installs it: \
                 apt-get install -y --no-install-recommends chromium",
            )?;
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach).await?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({})).await?;
        }
        Ok(browser)
    }

    /// Opens a page as it is seen on this screen, and waits until it has loaded.
    pub(crate) async fn open(&mut self, url: &str, screen: Screen) -> anyhow::Result<()> {
        let metrics = json!({
            "width": screen.width,
            "height": screen.height,
            "deviceScaleFactor": 1,
            "mobile": screen.width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await?;
        let scheme = if screen.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", media).await?;
        let opened = self.call("Page.navigate", json!({"url": url})).await?;
        ensure!(opened.get("errorText").is_none(), "{url}: {opened}");
        self.until("Page.loadEventFired").await
    }

    /// The value of an expression in the page.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let question = json!({"expression": expression, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", question).await?;
        ensure!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        Ok(answer["result"]["value"].take())
    }

    /// Runs what leads to another page, and waits until that has loaded.
    pub(crate) async fn follow(&mut self, expression: &str) -> anyhow::Result<()> {
        self.evaluate(expression).await?;
        self.until("Page.loadEventFired").await
    }

    /// What pages complained of since the last call.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    async fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&command)?;
        bytes.push(0);
        self.commands.write_all(&bytes).await?;
        loop {
            let mut message = self.message().await.with_context(|| method.to_owned())?;
            if message["id"] == self.last_id {
                if let Some(error) = message.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(message["result"].take());
            }
        }
    }

    async fn until(&mut self, event: &str) -> anyhow::Result<()> {
        while self.message().await.with_context(|| event.to_owned())?["method"] != event {}
        Ok(())
    }

    async fn message(&mut self) -> anyhow::Result<Value> {
        let mut bytes = Vec::new();
        tokio::time::timeout(PATIENCE, self.answers.read_until(0, &mut bytes)).await??;
        ensure!(bytes.pop() == Some(0), "the browser has ended");
        let message: Value = serde_json::from_slice(&bytes)?;
        let complaint = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => message["params"]["type"] == "error",
            Some("Log.entryAdded") => message["params"]["entry"]["level"] == "error",
            _ => false,
        };
        if complaint {
            self.complaints.push(message["params"].to_string());
        }
        Ok(message)
    }
}
