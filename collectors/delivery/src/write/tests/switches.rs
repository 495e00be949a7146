//! What is configured to be left out is left out, and nothing else is.

use super::*;

/// The endpoint as Alloy has it when nothing is said.
fn default_config(protocol: Protocol) -> EndpointConfig {
    let url = Url::parse("http://127.0.0.1/write").unwrap();
    EndpointConfig { protocol, ..EndpointConfig::new("t", url) }
}

/// The series of the one request that [`everything`] makes, whatever the protocol.
fn sent(config: &EndpointConfig) -> Vec<v1::TimeSeries> {
    let frames = write(&mut writer_of(config, vec![]), &everything());
    assert_eq!(frames.len(), 1);
    match config.protocol {
        Protocol::V1 => decoded_v1(&frames[0]).timeseries,
        Protocol::V2 => decoded_v2(&frames[0]).to_v1().unwrap().timeseries,
    }
}

/// How many samples, native histograms and exemplars there are.
fn kinds(series: &[v1::TimeSeries]) -> [usize; 3] {
    let sum = |count: fn(&v1::TimeSeries) -> usize| series.iter().map(count).sum();
    [sum(|s| s.samples.len()), sum(|s| s.histograms.len()), sum(|s| s.exemplars.len())]
}

/// The names of the families in each of the requests that tell of them.
fn told(config: &EndpointConfig) -> Vec<Vec<String>> {
    let mut writer = writer_of(config, vec![]);
    write(&mut writer, &everything());
    let mut sealed = Vec::new();
    writer.seal_metadata(5, &mut sealed);
    let names = |frame: &NewFrame| {
        let families = decoded_v1(frame).metadata.into_iter();
        families.map(|family| family.metric_family_name).collect()
    };
    sealed.iter().map(names).collect()
}

#[test]
fn native_histograms_are_sent_when_asked_for_and_not_by_default() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let config = default_config(protocol);
        assert_eq!(kinds(&sent(&config)), [6, 0, 2]);
        let config = EndpointConfig { send_native_histograms: true, ..config };
        assert_eq!(kinds(&sent(&config)), [6, 2, 2]);
    }
}

#[test]
fn exemplars_are_sent_unless_they_are_not_wanted() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let config = EndpointConfig { send_exemplars: false, ..default_config(protocol) };
        assert_eq!(kinds(&sent(&config)), [6, 0, 0]);
    }
}

#[test]
fn metadata_is_told_unless_it_is_not_wanted() {
    let mut config = default_config(Protocol::V1);
    assert_eq!(told(&config), [["x", "y"]]);
    config.metadata.send = false;
    assert_eq!(told(&config), Vec::<Vec<String>>::new());

    // In 2.0 it travels along with the series.
    let mut config = default_config(Protocol::V2);
    for send in [true, false] {
        config.metadata.send = send;
        let frames = write(&mut writer_of(&config, vec![]), &everything());
        let request = decoded_v2(&frames[0]);
        assert_eq!(request.timeseries.iter().any(|series| series.metadata.is_some()), send);
        assert_eq!(request.symbols.iter().any(|symbol| symbol.contains("quotes")), send);
    }
}

#[test]
fn a_request_tells_of_as_many_families_as_was_said() {
    let mut config = default_config(Protocol::V1);
    config.metadata.max_samples_per_send = 1;
    assert_eq!(told(&config), [["x"], ["y"]]);
}
