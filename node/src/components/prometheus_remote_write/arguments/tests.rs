use super::*;
use crate::components::testing::decode;

fn config(body: &str) -> EndpointConfig {
    let input: Input = decode(body).expect("it is right");
    input.endpoints().expect("they are right")[0].config().expect("it can be honoured")
}

#[test]
fn every_argument_reaches_the_endpoint() {
    let EndpointConfig {
        name,
        url,
        remote_timeout,
        headers,
        user_agent: _,
        protocol,
        overlap_protocol,
        send_exemplars,
        send_native_histograms,
        external_labels,
        write_relabel,
        queue,
        metadata,
        log,
    } = config(
        r#"
        external_labels = { a = "b" }
        endpoint {
            name                   = "there"
            url                    = "http://there/write"
            remote_timeout         = "3s"
            headers                = { "X-A" = "b" }
            send_exemplars         = false
            send_native_histograms = true
            protobuf_message       = "io.prometheus.write.v2.Request"
            queue_config {
                capacity             = 11
                min_shards           = 2
                max_shards           = 3
                max_samples_per_send = 4
                batch_send_deadline  = "5s"
                min_backoff          = "6s"
                max_backoff          = "7s"
                retry_on_http_429    = false
                sample_age_limit     = "8s"
            }
            metadata_config {
                send                 = false
                send_interval        = "9s"
                max_samples_per_send = 10
            }
            write_relabel_config {
                action = "labeldrop"
                regex  = "a"
            }
        }
        wal {
            max_keepalive_time = "1h"
            max_size           = "2GiB"
        }
        "#,
    );
    assert_eq!((name.as_str(), url.as_str()), ("there", "http://there/write"));
    assert_eq!(remote_timeout, Duration::from_secs(3));
    assert_eq!(
        headers.iter().collect::<Vec<_>>(),
        [(&"x-a".parse().unwrap(), &"b".parse().unwrap())]
    );
    assert_eq!([protocol, overlap_protocol], [Protocol::V2; 2]);
    assert_eq!((send_exemplars, send_native_histograms), (false, true));
    assert_eq!(external_labels, Labels::from_pairs([("a", "b")]));
    assert!(!write_relabel.is_empty());
    let expected = QueueConfig {
        capacity: 11,
        min_shards: 2,
        max_shards: 3,
        max_samples_per_send: 4,
        batch_send_deadline: Duration::from_secs(5),
        min_backoff: Duration::from_secs(6),
        max_backoff: Duration::from_secs(7),
        retry_on_http_429: false,
        sample_age_limit: Duration::from_secs(8),
    };
    assert_eq!(queue, expected);
    let expected = MetadataConfig {
        send: false,
        send_interval: Duration::from_secs(9),
        max_samples_per_send: 10,
    };
    assert_eq!(metadata, expected);
    let expected = LogConfig {
        max_age: Duration::from_secs(3600),
        max_bytes: 2 << 30,
        ..LogConfig::default()
    };
    assert_eq!(log, expected);
}

#[test]
fn what_is_not_written_is_the_default() {
    let config = config("endpoint { url = \"http://there/write\" }");
    let default = EndpointConfig::new(config.name.clone(), config.url.clone());
    assert_eq!(format!("{config:?}"), format!("{default:?}"));
}

#[test]
fn one_protocol_is_spoken_where_one_is_named() {
    let config = |named: &str| config(&format!("endpoint {{\nurl = \"http://there\"\n{named}\n}}"));
    for (named, expected) in [
        ("", [Protocol::V1, Protocol::V2]),
        ("protobuf_message = \"prometheus.WriteRequest\"", [Protocol::V1; 2]),
        ("protobuf_message = \"io.prometheus.write.v2.Request\"", [Protocol::V2; 2]),
    ] {
        let config = config(named);
        assert_eq!([config.protocol, config.overlap_protocol], expected, "{named}");
    }
}

#[test]
fn no_sample_waits_for_others_longer_than_a_crash_may_cost() {
    for (written, millis) in [("5s", 500), ("500ms", 500), ("200ms", 200)] {
        let queue = format!("queue_config {{ batch_send_deadline = {written:?} }}");
        let config = config(&format!("endpoint {{\nurl = \"http://there/write\"\n{queue}\n}}"));
        assert_eq!(config.queue.seal_after(), Duration::from_millis(millis), "{written}");
    }
}
