//! What waiting connections cost: fetches a page from many addresses of loopback and prints the
//! resident memory and the CPU time that it took.
//!
//! `cargo run --release -p client --example idle -- [TARGETS] [PAGE_BYTES] [ours|hyper-util]`
//!
//! Both the open files of this process and of its child have to be allowed (`ulimit -n`).
#![expect(clippy::print_stdout, reason = "it is a program that prints a table")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use client::{Client, Config};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// Requests under way at once.
const PARALLEL: usize = 50;

const ROUNDS: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| {
        arguments.get(index).map_or(Ok(default), |text| text.parse::<usize>())
    };
    if arguments.first().is_some_and(|first| first == "serve") {
        return serve(number(1, 0)?).await;
    }
    let (targets, page) = (number(0, 2_000)?, number(1, 661_000)?);
    let mut child = Command::new(std::env::current_exe()?)
        .args(["serve", &page.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("the child has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let port: u16 = line.trim().parse()?;
    let fetcher = match arguments.get(2).map(String::as_str) {
        Some("hyper-util") => Fetcher::hyper_util(),
        _ => Fetcher::Ours(Client::new(&Config::default())?),
    };
    println!("round  KiB/target  us/request");
    for round in 1..=ROUNDS {
        let (memory, cpu) = (resident_kib()?, cpu_us()?);
        run(&fetcher, targets, port).await?;
        let spent = (cpu_us()? - cpu) as f64 / targets as f64;
        let grown = resident_kib()?.saturating_sub(memory) as f64 / targets as f64;
        println!("{round:>5}  {grown:>10.2}  {spent:>10.0}");
    }
    println!("resident: {} KiB", resident_kib()?);
    // The child ends with its input.
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

async fn run(fetcher: &Fetcher, targets: usize, port: u16) -> Result<(), Failure> {
    let mut tasks = JoinSet::new();
    for target in 0..targets {
        let address =
            format!("127.{}.{}.{}", 1 + target / 62_500, target / 250 % 250, target % 250 + 1);
        let (fetcher, url) = (fetcher.clone(), format!("http://{address}:{port}/metrics"));
        if tasks.len() == PARALLEL
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        tasks.spawn(async move { fetcher.fetch(&url).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

#[derive(Clone)]
enum Fetcher {
    Ours(Client),
    HyperUtil(Box<legacy::Client<legacy::connect::HttpConnector, Empty<Bytes>>>),
}

impl Fetcher {
    fn hyper_util() -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).http1_max_buf_size(16 * 1024);
        Self::HyperUtil(Box::new(builder.build_http()))
    }

    async fn fetch(&self, url: &str) -> Result<(), Failure> {
        let mut page = Vec::with_capacity(1 << 20);
        match self {
            Self::Ours(client) => {
                let request = Request::get(url).body(Bytes::new())?;
                client.send(request).await?.read_body(1 << 30, &mut page).await?;
            }
            Self::HyperUtil(client) => {
                let request = Request::get(url).body(Empty::new())?;
                let mut body = client.request(request).await?.into_body();
                while let Some(frame) = body.frame().await {
                    if let Ok(data) = frame?.into_data() {
                        page.extend_from_slice(&data);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Answers every request with one page, until the input ends.
async fn serve(page: usize) -> Result<(), Failure> {
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    println!("{}", listener.local_addr()?.port());
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {page}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + page, b'x');
    let answer: Arc<[u8]> = answer.into();
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
    let mut input = tokio::io::stdin();
    let mut end = [0];
    tokio::select! {
        result = accept => result,
        _ = input.read(&mut end) => Ok(()),
    }
}

fn resident_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(text.parse()?)
}

fn cpu_us() -> Result<u64, Failure> {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: u64 = schedstat.split(' ').next().ok_or("no schedstat")?.parse()?;
    Ok(nanoseconds / 1000)
}
