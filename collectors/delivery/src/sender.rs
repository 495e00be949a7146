//! Sends one frame until the backend has answered for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use client::Client;
use tokio::time::Instant;
use tracing::{debug, info, warn};

mod answer;
mod backoff;
mod bisect;
mod request;

use crate::config::{EndpointConfig, Protocol};
use crate::log::FrameMeta;
use crate::telemetry::{Counts, DropReason, Telemetry};
use crate::throttle::Throttle;
use crate::wire;
use answer::{Answer, Spoken, Written};
use backoff::{Backoff, Hold};
use bisect::{FullSearches, KnownDoubles};
use request::Template;

/// Milliseconds since the Unix epoch, by the clock of the machine.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What sends to one endpoint. Shared by the requests in flight.
#[derive(Debug)]
pub(crate) struct Sender {
    config: Arc<EndpointConfig>,
    client: Client,
    template: Template,
    telemetry: Arc<Telemetry>,
    /// Whether the endpoint was found not to speak 2.0.
    only_v1: AtomicBool,
    /// How many requests in a row were understood in 1.0 alone since the endpoint last said how much of a
    /// request of 2.0 it wrote; [`NEVER`] before it has.
    misunderstood: AtomicU32,
    /// How the last attempt went: see [`Self::accepting`].
    last: AtomicU8,
    /// When the endpoint wants to be asked again.
    hold: Hold,
    /// For failures that may pass, and for losses: one must not hide the other.
    retries: Throttle,
    losses: Throttle,
    doubles: Throttle,
    /// Refused frames that may be divided to their end.
    full_searches: FullSearches,
    /// The series that are refused again and again.
    known_doubles: KnownDoubles,
}

/// How often a request of 2.0 that nobody asked for gets no answer that counts, from who has not been seen to
/// speak 2.0, before it is sent in 1.0: whoever stands on the way may break on what it does not know. And how
/// many requests in a row are understood in 1.0 alone before who has spoken 2.0 is not taken for one that does.
const UNPROVEN: u32 = 3;

/// Of [`Sender::misunderstood`]: 2.0 has not been understood yet.
const NEVER: u32 = u32::MAX;

/// Values of [`Sender::last`].
const NONE_YET: u8 = 0;
const ANSWERED: u8 = 1;
const AWAY: u8 = 2;

/// A body on its way, and what is in it.
#[derive(Debug, Clone)]
struct Parcel {
    protocol: Protocol,
    body: Bytes,
    counts: Counts,
    oldest_ms: i64,
    newest_ms: i64,
}

/// How a parcel ended.
#[derive(Debug)]
enum End {
    /// Written, wholly or in part.
    Written(Written),
    /// Everything in it is past the age limit.
    TooOld,
    /// 2.0 is not understood there, as it seems by this.
    NotUnderstood(String),
    /// It may be that 2.0 was not understood this time: it is sent in 1.0.
    Unsaid,
    /// Refused because of samples that are there already or came too late.
    Doubles(DropReason),
    /// Refused for another reason.
    Refused,
}

impl Sender {
    pub(crate) fn new(
        config: Arc<EndpointConfig>,
        client: Client,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let template = Template::new(&config);
        Self {
            config,
            client,
            template,
            telemetry,
            only_v1: AtomicBool::new(false),
            misunderstood: AtomicU32::new(NEVER),
            last: AtomicU8::new(NONE_YET),
            hold: Hold::default(),
            retries: Throttle::default(),
            losses: Throttle::default(),
            doubles: Throttle::default(),
            full_searches: FullSearches::default(),
            known_doubles: KnownDoubles::default(),
        }
    }

    /// Whether the endpoint dealt with the last request instead of asking for it again; `None` when
    /// there has been none.
    pub(crate) fn accepting(&self) -> Option<bool> {
        match self.last.load(Relaxed) {
            NONE_YET => None,
            last => Some(last == ANSWERED),
        }
    }

    /// Whether the endpoint was found not to speak 2.0.
    pub(crate) fn speaks_only_v1(&self) -> bool {
        self.only_v1.load(Relaxed)
    }

    /// Sends a frame until it has been written, refused for good, or is too old; counts which. It
    /// goes on for as long as the backend is away. Dropping the future leaves the frame unfinished.
    pub(crate) async fn deliver(self: Arc<Self>, meta: FrameMeta, body: Bytes) -> FrameMeta {
        let Some(protocol) = meta.content.protocol() else { return meta };
        let mut parcel = Parcel {
            protocol,
            body,
            counts: meta.counts,
            oldest_ms: meta.oldest_ms,
            newest_ms: meta.newest_ms,
        };
        let mut unsaid = false;
        loop {
            if self.must_speak_v1() && !self.translate(&mut parcel) {
                return meta;
            }
            match self.send(&mut parcel).await {
                End::NotUnderstood(reason) => self.fall_back(&reason),
                End::Unsaid => {
                    if !self.translate(&mut parcel) {
                        return meta;
                    }
                    unsaid = true;
                }
                End::Doubles(reason) => {
                    if self.translate(&mut parcel) {
                        self.bisect(&parcel, reason).await;
                    }
                    return meta;
                }
                end => {
                    if unsaid && matches!(end, End::Written(_)) {
                        self.note_misunderstood();
                    }
                    self.count(&parcel, &end);
                    return meta;
                }
            }
        }
    }

    /// Makes a parcel one of 1.0, if it is not; whether that was possible.
    fn translate(&self, parcel: &mut Parcel) -> bool {
        if parcel.protocol == Protocol::V1 {
            return true;
        }
        match wire::decode_v2(&parcel.body).and_then(|request| request.to_v1()) {
            Ok(request) => {
                parcel.protocol = Protocol::V1;
                parcel.body = wire::encode_v1(&request).into();
                true
            }
            Err(error) => {
                warn!(%error, endpoint = self.config.name, "could not translate a frame to 1.0");
                self.telemetry.dropped(DropReason::Corrupt).add(parcel.counts);
                false
            }
        }
    }

    fn must_speak_v1(&self) -> bool {
        let spoken = [self.config.protocol, self.config.overlap_protocol];
        spoken == [Protocol::V1; 2] || self.speaks_only_v1()
    }

    /// Whether a parcel is in 2.0 though the endpoint has spoken 1.0 alone, for all that is known. Where 2.0
    /// is asked for throughout, 1.0 may be what it does not speak.
    fn doubts(&self, parcel: &Parcel) -> bool {
        let Spoken { proven, asked_for } = self.spoken();
        parcel.protocol == Protocol::V2 && !asked_for && !proven
    }

    fn spoken(&self) -> Spoken {
        let asked_for = self.config.protocol == Protocol::V2;
        Spoken { proven: self.misunderstood.load(Relaxed) < UNPROVEN, asked_for }
    }

    /// Notes that a request was understood in 1.0 and not in 2.0. Who has spoken 2.0 and does not any more,
    /// for so many requests in a row, is taken for one that never has.
    fn note_misunderstood(&self) {
        let next = |before: u32| Some(if before >= UNPROVEN { NEVER } else { before + 1 });
        // There always is a next.
        let _ = self.misunderstood.fetch_update(Relaxed, Relaxed, next);
    }

    fn fall_back(&self, reason: &str) {
        if !self.only_v1.swap(true, Relaxed) {
            self.telemetry.fallbacks.add(1);
            let endpoint = &self.config.name;
            info!(
                endpoint,
                reason, "the endpoint does not speak remote write 2.0: going on with 1.0"
            );
        }
    }

    fn count(&self, parcel: &Parcel, end: &End) {
        let telemetry = &self.telemetry;
        match end {
            End::Written(written) => {
                let counts = written.of(parcel.counts);
                telemetry.sent.add(counts);
                let missing = parcel.counts.minus(counts);
                match written.doubles() {
                    Some(reason) => telemetry.dropped(reason).add(missing),
                    None => telemetry.failed.add(missing),
                }
                let bytes = parcel.body.len() as u64;
                if parcel.counts.metadata > 0 {
                    telemetry.sent_metadata_bytes.add(bytes);
                } else {
                    telemetry.sent_bytes.add(bytes);
                    telemetry.highest_sent_timestamp.raise(parcel.newest_ms);
                }
            }
            End::TooOld => telemetry.dropped(DropReason::TooOld).add(parcel.counts),
            End::Doubles(reason) => telemetry.dropped(*reason).add(parcel.counts),
            End::Refused | End::NotUnderstood(_) | End::Unsaid => {
                telemetry.failed.add(parcel.counts);
            }
        }
    }

    /// Sends a parcel again and again until there is an answer that counts.
    async fn send(&self, parcel: &mut Parcel) -> End {
        let mut backoff = Backoff::new(&self.config.queue);
        let mut failures = 0;
        loop {
            self.hold.wait().await;
            if !self.shed_old(parcel) {
                return End::TooOld;
            }
            let begun = Instant::now();
            let answer = self.attempt(parcel).await;
            self.telemetry.send_duration.observe(begun.elapsed());
            let away = matches!(answer, Answer::Again { .. });
            self.last.store(if away { AWAY } else { ANSWERED }, Relaxed);
            match answer {
                Answer::Written(written, said) => {
                    self.check_written(parcel, written, said);
                    return End::Written(written);
                }
                Answer::NotUnderstood(reason) => return End::NotUnderstood(reason),
                Answer::Unsaid(reason) => {
                    let endpoint = &self.config.name;
                    debug!(endpoint, reason, "sending a request again in 1.0");
                    return End::Unsaid;
                }
                Answer::Doubles { kind, reason } => {
                    debug!(
                        endpoint = self.config.name,
                        reason, "a request was refused for doubles"
                    );
                    return End::Doubles(kind);
                }
                Answer::Refused(reason) => {
                    self.complain(
                        &self.losses,
                        "dropped a request that was refused",
                        &reason,
                        parcel,
                    );
                    return End::Refused;
                }
                Answer::Again { reason, after } => {
                    self.telemetry.retried.add(parcel.counts);
                    self.complain(&self.retries, "will send a request again", &reason, parcel);
                    if let Some(after) = after {
                        self.hold.for_at_least(after);
                    }
                    tokio::time::sleep(backoff.next()).await;
                    failures += 1;
                    if failures >= UNPROVEN && self.doubts(parcel) {
                        return End::Unsaid;
                    }
                }
            }
        }
    }

    fn check_written(&self, parcel: &Parcel, written: Written, said: Option<String>) {
        let missing = parcel.counts.minus(written.of(parcel.counts)).total();
        if missing > 0 && written.doubles().is_none() {
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            let reason =
                format!("the endpoint says that it has not written {missing} of them{said}");
            self.complain(&self.losses, "a request was written in part", &reason, parcel);
        }
    }

    /// Takes what is past the age limit out of a parcel; whether something is left.
    fn shed_old(&self, parcel: &mut Parcel) -> bool {
        let limit = self.config.queue.sample_age_limit;
        if limit.is_zero() || parcel.counts.metadata > 0 {
            return true;
        }
        let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let oldest = now_ms().saturating_sub(limit);
        if parcel.newest_ms < oldest {
            return false;
        }
        if parcel.oldest_ms < oldest {
            let before = parcel.counts;
            if request::shed_older(parcel, oldest).is_ok() {
                let shed = before.minus(parcel.counts);
                self.telemetry.dropped(DropReason::TooOld).add(shed);
            }
        }
        true
    }

    async fn attempt(&self, parcel: &Parcel) -> Answer {
        let request = self.template.request(parcel.protocol, parcel.body.clone());
        let exchange = async {
            let response = self.client.deliver(request).await?;
            if parcel.protocol == Protocol::V2 && answer::counted(response.headers()).is_some() {
                self.misunderstood.store(0, Relaxed);
            }
            Ok(Answer::read(response, parcel, &self.config.queue, self.spoken()).await)
        };
        match tokio::time::timeout(self.config.remote_timeout, exchange).await {
            Ok(Ok(answer)) => answer,
            // Whatever kept us from asking may pass: a file of secrets that is being written, too.
            Ok(Err(error)) => Answer::again(client::Error::to_string(&error)),
            Err(_) => {
                let timeout = self.config.remote_timeout;
                Answer::again(format!("no answer within {timeout:?}"))
            }
        }
    }

    fn complain(&self, throttle: &Throttle, what: &'static str, reason: &str, parcel: &Parcel) {
        if let Some(kept_back) = throttle.allows(now_ms()) {
            let endpoint = &self.config.name;
            let samples = parcel.counts.weight();
            warn!(endpoint, reason, samples, kept_back, "{what}");
        }
    }
}

/// The longest wait that a backend may ask for. Longer ones are bounded, so that a mistaken header
/// does not stop an endpoint for days; a guess.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
