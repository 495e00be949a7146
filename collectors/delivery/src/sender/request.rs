//! Requests: their headers, and the rare changes to their bodies.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use super::Parcel;
use crate::config::{EndpointConfig, Protocol};
use crate::telemetry::Counts;
use crate::wire::{self, v1, v2};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const TYPE_V1: &str = "application/x-protobuf";
const TYPE_V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// What is the same in every request to an endpoint.
#[derive(Debug)]
pub(super) struct Template {
    uri: Uri,
    headers: HeaderMap,
}

impl Template {
    pub(super) fn new(config: &EndpointConfig) -> Self {
        let mut headers = config.headers.clone();
        if let Ok(agent) = HeaderValue::from_str(&config.user_agent) {
            headers.insert(USER_AGENT, agent);
        }
        // Set last: these are the protocol's.
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        let uri = config.url.as_str().parse().expect("a URL with a host is a URI");
        Self { uri, headers }
    }

    pub(super) fn request(&self, protocol: Protocol, body: Bytes) -> Request<Bytes> {
        let (content_type, version) = match protocol {
            Protocol::V1 => (TYPE_V1, "0.1.0"),
            Protocol::V2 => (TYPE_V2, "2.0.0"),
        };
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(VERSION, HeaderValue::from_static(version));
        request
    }
}

/// Takes everything older than `oldest` out of a parcel and measures it again.
pub(super) fn shed_older(parcel: &mut Parcel, oldest: i64) -> Result<(), wire::Error> {
    match parcel.protocol {
        Protocol::V1 => {
            let mut request = wire::decode_v1(&parcel.body)?;
            shed(&mut request.timeseries, oldest);
            measure(&request.timeseries, parcel);
            parcel.body = wire::encode_v1(&request).into();
        }
        Protocol::V2 => {
            let mut request = wire::decode_v2(&parcel.body)?;
            shed(&mut request.timeseries, oldest);
            // An exemplar has no place without a sample.
            let has_samples = |series: &v2::TimeSeries| {
                !series.samples.is_empty() || !series.histograms.is_empty()
            };
            request.timeseries.retain(has_samples);
            measure(&request.timeseries, parcel);
            parcel.body = wire::encode_v2(&request).into();
        }
    }
    Ok(())
}

fn shed<S: Series>(series: &mut Vec<S>, oldest: i64) {
    series.iter_mut().for_each(|series| series.shed_older(oldest));
    series.retain(|series| series.counts() != Counts::default());
}

/// Counts what is in some series, and finds their oldest and newest timestamps.
pub(super) fn measure<S: Series>(series: &[S], parcel: &mut Parcel) {
    let mut counts = Counts::default();
    (parcel.oldest_ms, parcel.newest_ms) = (i64::MAX, i64::MIN);
    for series in series {
        let of = series.counts();
        counts.samples += of.samples;
        counts.histograms += of.histograms;
        counts.exemplars += of.exemplars;
        series.each_timestamp(&mut |timestamp| {
            parcel.oldest_ms = parcel.oldest_ms.min(timestamp);
            parcel.newest_ms = parcel.newest_ms.max(timestamp);
        });
    }
    parcel.counts = counts;
}

/// A series of either protocol.
pub(super) trait Series {
    fn shed_older(&mut self, oldest: i64);
    fn counts(&self) -> Counts;
    fn each_timestamp(&self, see: &mut dyn FnMut(i64));
}

/// The messages of the two protocols are different types with the same fields.
macro_rules! series {
    ($($series:ty),*) => {$(
        impl Series for $series {
            fn shed_older(&mut self, oldest: i64) {
                self.samples.retain(|sample| sample.timestamp >= oldest);
                self.histograms.retain(|sample| sample.timestamp >= oldest);
                self.exemplars.retain(|exemplar| exemplar.timestamp >= oldest);
            }

            fn counts(&self) -> Counts {
                let count = |length| u32::try_from(length).unwrap_or(u32::MAX);
                Counts {
                    samples: count(self.samples.len()),
                    histograms: count(self.histograms.len()),
                    exemplars: count(self.exemplars.len()),
                    metadata: 0,
                }
            }

            fn each_timestamp(&self, see: &mut dyn FnMut(i64)) {
                self.samples.iter().for_each(|sample| see(sample.timestamp));
                self.histograms.iter().for_each(|sample| see(sample.timestamp));
                self.exemplars.iter().for_each(|exemplar| see(exemplar.timestamp));
            }
        }
    )*};
}

series!(v1::TimeSeries, v2::TimeSeries);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exemplar_of_2_0_goes_with_its_sample() {
        let series = |timestamp| v2::TimeSeries {
            samples: vec![v2::Sample { timestamp, ..v2::Sample::default() }],
            exemplars: vec![v2::Exemplar { timestamp: 9, ..v2::Exemplar::default() }],
            ..v2::TimeSeries::default()
        };
        let timeseries = vec![series(1), series(9)];
        let request = v2::Request { symbols: vec![String::new()], timeseries };
        let mut parcel = Parcel {
            protocol: Protocol::V2,
            body: wire::encode_v2(&request).into(),
            counts: Counts { samples: 2, exemplars: 2, ..Counts::default() },
            oldest_ms: 1,
            newest_ms: 9,
        };
        shed_older(&mut parcel, 5).expect("a request");
        assert_eq!(parcel.counts, Counts { samples: 1, exemplars: 1, ..Counts::default() });
        assert_eq!(wire::decode_v2(&parcel.body).expect("a request").timeseries, [series(9)]);
    }
}
