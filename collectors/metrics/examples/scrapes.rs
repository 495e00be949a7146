//! What a scrape of a small page costs: scrapes many addresses of loopback and prints the CPU time
//! for a thousand scrapes and the resident memory.
//!
//! `cargo run --release -p metrics --example scrapes -- [TARGETS] [SERIES] [SECONDS]`
//!
//! Targets are scraped every ten seconds. Both the open files of this process and of its child have
//! to be allowed (`ulimit -n`).
#![expect(clippy::print_stdout, reason = "it is a program that prints a line")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use client::{Client, Config};
use flate2::Compression;
use flate2::write::GzEncoder;
use metrics::{Clock, Scraper, Takeover, Telemetry};
use metrics::{ScrapeConfig, prepare};
use model::Labels;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failure = Box<dyn Error + Send + Sync>;

const INTERVAL: Duration = Duration::from_secs(10);

/// Time for the first scrapes, which connect and learn the series.
const WARM_UP: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| {
        arguments.get(index).map_or(Ok(default), |text| text.parse::<usize>())
    };
    if arguments.first().is_some_and(|first| first == "serve") {
        return serve(number(1, 0)?).await;
    }
    let (targets, series, seconds) = (number(0, 10_000)?, number(1, 50)?, number(2, 20)?);
    let mut child = Command::new(std::env::current_exe()?)
        .args(["serve", &series.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("the child has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    measure(targets, line.trim(), Duration::from_secs(seconds as u64)).await?;
    // The child ends with its input.
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

async fn measure(targets: usize, port: &str, time: Duration) -> Result<(), Failure> {
    let config = ScrapeConfig {
        scrape_interval: INTERVAL,
        scrape_timeout: INTERVAL,
        ..ScrapeConfig::default()
    };
    let config = Arc::new(config);
    let telemetry = Arc::new(Telemetry::default());
    let (sink, mut batches) = mpsc::channel(64);
    let client = Arc::new(Client::new(&Config::default())?);
    let (scraper, commands) =
        Scraper::new(config.clone(), client, sink, telemetry.clone(), Clock::System);
    let mut tasks = JoinSet::new();
    tasks.spawn(scraper.run(CancellationToken::new()));
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    tasks.spawn(async move {
        while let Some(batch) = batches.recv().await {
            counted.fetch_add(batch.samples.len(), std::sync::atomic::Ordering::Relaxed);
        }
    });
    for target in 0..targets {
        let address = format!(
            "127.{}.{}.{}:{port}",
            1 + target / 62_500,
            target / 250 % 250,
            target % 250 + 1
        );
        let labels = Labels::from_pairs([("__address__", address.as_str()), ("job", "small")]);
        let key = (target as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let target = Arc::new(prepare(&labels, &config)?);
        commands
            .send(metrics::Command::Start { key, target, takeover: Takeover::default() })
            .await?;
    }
    tokio::time::sleep(WARM_UP).await;
    let now = || count.load(std::sync::atomic::Ordering::Relaxed);
    let (samples, cpu) = (now(), cpu()?);
    tokio::time::sleep(time).await;
    let samples = now() - samples;
    let spent = self::cpu()?;
    let scrapes = time.as_secs_f64() / INTERVAL.as_secs_f64() * targets as f64;
    println!(
        "{:.1} ms for 1000 scrapes ({:.1} user, {:.1} system), {:.1} samples a scrape, {} KiB resident, {} failed",
        (spent.0 - cpu.0) * 1e6 / scrapes,
        (spent.1 - cpu.1) * 1e6 / scrapes,
        (spent.2 - cpu.2) * 1e6 / scrapes,
        samples as f64 / scrapes,
        resident_kib()?,
        telemetry.scrapes_failed.value(),
    );
    Ok(())
}

fn page(series: usize) -> Result<Vec<u8>, Failure> {
    let mut text = String::new();
    for number in 0..series {
        if number % 10 == 0 {
            let family = number / 10;
            writeln!(text, "# HELP small_requests_{family}_total Requests of the kind {family}.")?;
            writeln!(text, "# TYPE small_requests_{family}_total counter")?;
        }
        let (family, value) = (number / 10, number * 7919 % 10_007);
        writeln!(
            text,
            "small_requests_{family}_total{{code=\"{}\",handler=\"/api/v1/things/{number}\",method=\"GET\"}} {value}",
            200 + number % 5,
        )?;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    let body = encoder.finish()?;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n\
         Content-Length: {}\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Ok(answer)
}

/// Answers every request with one page, until the input ends.
async fn serve(series: usize) -> Result<(), Failure> {
    let answer: Arc<[u8]> = page(series)?.into();
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    println!("{}", listener.local_addr()?.port());
    let accept = async {
        let mut served = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await?;
            let answer = Arc::clone(&answer);
            served.spawn(async move {
                let mut request = [0; 1024];
                // One request a packet: they are small, and never sent before the answer is read.
                while stream.read(&mut request).await.is_ok_and(|size| size > 0) {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    };
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    tokio::select! {
        result = accept => result,
        _ = end => Ok(()),
    }
}

fn resident_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(text.parse()?)
}

/// Seconds of processor time: in all, in user mode, in the kernel. The last two are coarse.
fn cpu() -> Result<(f64, f64, f64), Failure> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let schedstat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += schedstat.split(' ').next().ok_or("no schedstat")?.parse::<u64>()?;
    }
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no stat")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks =
        |index: usize| fields.get(index).ok_or("a short stat").map(|text| text.parse::<f64>());
    Ok((nanoseconds as f64 / 1e9, ticks(11)?? / 100.0, ticks(12)?? / 100.0))
}
