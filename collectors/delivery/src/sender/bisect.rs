//! A request of 1.0 that was refused for a double: halved until the offenders stand alone.
//!
//! Prometheus writes nothing of such a request, and does not say which sample it was. What is
//! suspected of overlapping travels in frames of its own, so it is those that are halved; in the
//! worst case, every sample a double, that takes two requests a sample.

use crate::log::Content;
use crate::telemetry::{Counts, DropReason};
use crate::wire::{self, v1};

use super::{End, Parcel, Sender};

impl Sender {
    /// Delivers the parts of a parcel that was refused for doubles, and counts each.
    pub(super) async fn bisect(&self, refused: &Parcel) {
        let request = match wire::decode_v1(&refused.body) {
            Ok(request) => request,
            Err(error) => {
                let reason = error.to_string();
                let what = "dropped a frame that cannot be halved";
                self.complain(&self.losses, what, &reason, refused);
                self.telemetry.dropped(DropReason::Corrupt).add(refused.counts);
                return;
            }
        };
        // The earlier half is on top: a series keeps its order.
        let mut parts = vec![request.timeseries];
        let mut known_refused = true;
        while let Some(series) = parts.pop() {
            let mut parcel = parcel_of(&series);
            let end = match std::mem::take(&mut known_refused) {
                true => End::Doubles,
                false => self.send(&mut parcel).await,
            };
            match end {
                End::Doubles if series.len() > 1 => {
                    self.telemetry.bisections.add(1);
                    let mut earlier = series;
                    let later = earlier.split_off(earlier.len() / 2);
                    parts.push(later);
                    parts.push(earlier);
                }
                end => self.count(&parcel, &end),
            }
        }
    }
}

fn parcel_of(series: &[v1::TimeSeries]) -> Parcel {
    let mut parcel = Parcel {
        content: Content::WriteV1,
        body: bytes::Bytes::new(),
        counts: Counts::default(),
        oldest_ms: i64::MAX,
        newest_ms: i64::MIN,
    };
    super::request::measure_v1(series, &mut parcel);
    let request = v1::WriteRequest { timeseries: series.to_vec(), metadata: Vec::new() };
    parcel.body = wire::encode_v1(&request).into();
    parcel
}
