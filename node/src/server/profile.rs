//! Profiles of this process, in pprof's format.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;

use super::asked::Asked;
use super::context::Context;
use super::reply::{self, Reply};
use crate::telemetry::clock;

mod proto;

use proto::{Place, Stack};

/// The longest profile, in seconds.
const MAX_SECONDS: usize = 300;

/// Samples a second. Not a round number, so that it does not keep step with what it watches.
const FREQUENCY: i32 = 99;

/// Heap profiles can be asked for, and cost nothing until they are.
///
/// Here and not in a binary, so that every program that is a node has it: what the benchmarks of the
/// test world measure is what is shipped.
#[expect(unsafe_code, reason = "jemalloc reads its settings from this symbol before main runs")]
// SAFETY: jemalloc declares it as a pointer to a text that ends with a zero byte, and the first
// word of a slice is that pointer; nothing else has this name.
#[unsafe(export_name = "malloc_conf")]
static MALLOC_CONF: &[u8] = b"prof:true,prof_active:false,lg_prof_sample:19\0";

/// Why there is no profile.
type Problem = (StatusCode, String);

/// Whether a CPU profile is being taken: the signal that drives it exists once a process.
static CPU_BUSY: AtomicBool = AtomicBool::new(false);

/// Clears a flag when whoever set it is done, or gave up.
struct Busy(&'static AtomicBool);

impl Busy {
    fn claim(flag: &'static AtomicBool) -> Option<Self> {
        (!flag.swap(true, Ordering::AcqRel)).then_some(Self(flag))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

pub(super) async fn answer(context: &Context, what: &str, asked: &Asked) -> Reply {
    if !context.enable_pprof {
        return reply::text(StatusCode::NOT_FOUND, "profiles are off: --server.http.enable-pprof");
    }
    let default = if what == "profile" { 30 } else { 5 };
    let seconds = match asked.query.number("seconds", default, MAX_SECONDS) {
        Ok(seconds) => Duration::from_secs(seconds as u64),
        Err(problem) => return reply::text(StatusCode::BAD_REQUEST, problem),
    };
    let profile = match what {
        "" => return reply::text(StatusCode::OK, "profile?seconds=30\nheap?seconds=5"),
        "profile" => cpu(seconds).await,
        "heap" | "allocs" => heap(seconds).await,
        _ => return reply::not_found(),
    };
    match profile {
        Ok(profile) => reply::with(StatusCode::OK, "application/octet-stream", profile.into()),
        Err((status, problem)) => reply::text(status, problem),
    }
}

/// Where the CPU went during `seconds`.
async fn cpu(seconds: Duration) -> Result<Vec<u8>, Problem> {
    let failed = |error: String| (StatusCode::INTERNAL_SERVER_ERROR, error);
    let Some(_busy) = Busy::claim(&CPU_BUSY) else {
        return Err((StatusCode::CONFLICT, "another CPU profile is being taken".to_owned()));
    };
    let guard = pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    tokio::time::sleep(seconds).await;
    let report = tokio::task::spawn_blocking(move || {
        guard.report().build().map_err(|error| error.to_string())
    });
    let report = report.await.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    let stacks: Vec<Stack> = report.data.iter().map(stack).collect();
    let started = clock::unix_millis(SystemTime::now() - seconds) * 1_000_000;
    let nanos = i64::try_from(seconds.as_nanos()).unwrap_or(i64::MAX);
    let profile = proto::encode(&stacks, 1_000_000_000 / i64::from(FREQUENCY), started, nanos);
    compressed(&profile).map_err(|error| failed(error.to_string()))
}

/// The format's files are gzipped, and not every reader takes one that is not.
fn compressed(profile: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(profile)?;
    out.finish()
}

/// A stack as it was seen. Functions that were inlined into one another are frames of their own.
fn stack((frames, count): (&pprof::Frames, &isize)) -> Stack {
    let place = |symbol: &pprof::Symbol| Place {
        function: symbol.name(),
        file: symbol.filename().into_owned(),
        line: symbol.lineno().into(),
    };
    Stack {
        frames: frames.frames.iter().flatten().map(place).collect(),
        thread: frames.thread_name_or_id(),
        count: i64::try_from(*count).unwrap_or(i64::MAX),
    }
}

/// What was allocated during `seconds` and not freed in them. The allocator samples only while
/// somebody asks, so what lives longer is not seen.
async fn heap(seconds: Duration) -> Result<Vec<u8>, Problem> {
    let failed = |error: String| (StatusCode::INTERNAL_SERVER_ERROR, error);
    let Some(control) = jemalloc_pprof::PROF_CTL.as_ref() else {
        let problem = "this program's allocator takes no profiles".to_owned();
        return Err((StatusCode::NOT_IMPLEMENTED, problem));
    };
    let Ok(mut control) = control.try_lock() else {
        return Err((StatusCode::CONFLICT, "another heap profile is being taken".to_owned()));
    };
    control.activate().map_err(|error| failed(error.to_string()))?;
    tokio::time::sleep(seconds).await;
    let dumped = control.dump_pprof();
    control.deactivate().map_err(|error| failed(error.to_string()))?;
    dumped.map_err(|error| failed(error.to_string()))
}
