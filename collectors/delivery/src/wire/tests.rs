use super::*;

fn request() -> v2::Request {
    let symbols = ["", "__name__", "up", "job", "node", "trace_id", "abc"];
    v2::Request {
        symbols: symbols.map(String::from).to_vec(),
        timeseries: vec![v2::TimeSeries {
            labels_refs: vec![1, 2, 3, 4],
            samples: vec![v2::Sample { value: 1.5, timestamp: 7, start_timestamp: 3 }],
            histograms: vec![v1::Histogram { schema: 3, start_timestamp: 3, ..Default::default() }],
            exemplars: vec![v2::Exemplar { labels_refs: vec![5, 6], value: 2.0, timestamp: 6 }],
            metadata: Some(v2::Metadata { kind: 1, help_ref: 0, unit_ref: 0 }),
            created_timestamp: 0,
        }],
    }
}

#[test]
fn a_request_of_2_0_says_the_same_in_1_0() {
    let old = decode_v2(&encode_v2(&request())).unwrap().to_v1().unwrap();
    let series = &old.timeseries[0];
    assert_eq!(series.label("__name__"), Some("up"));
    assert_eq!(series.label("job"), Some("node"));
    assert_eq!(series.samples, [v1::Sample { value: 1.5, timestamp: 7 }]);
    assert_eq!(series.histograms[0].schema, 3);
    assert_eq!(series.histograms[0].start_timestamp, 0);
    assert_eq!(series.exemplars[0].labels[0].value, "abc");
    assert_eq!(decode_v1(&encode_v1(&old)).unwrap(), old);
}

#[test]
fn references_outside_the_table_are_refused_by_number() {
    let mut bad = request();
    bad.timeseries[0].labels_refs = vec![1, 99];
    let error = bad.to_v1().unwrap_err();
    assert_eq!(error.to_string(), "reference 99 is outside the 7 symbols of the request");
    bad.timeseries[0].labels_refs = vec![1];
    assert!(matches!(bad.to_v1(), Err(Error::OddReferences(1))));
}

#[test]
fn a_body_that_claims_gigabytes_is_refused_before_it_is_unpacked() {
    let claims_4_gib = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00];
    assert!(matches!(decompress(&claims_4_gib), Err(Error::TooLarge { .. })));
    assert!(matches!(decompress(b"\x05garbage"), Err(Error::Snappy(_))));
}

#[test]
fn one_protocol_read_as_the_other_is_empty_and_not_wrong() {
    let old = decode_v1(&encode_v2(&request())).unwrap();
    assert!(old.timeseries.is_empty() && old.metadata.is_empty());
}
