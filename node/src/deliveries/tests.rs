use super::peers::sum;
use super::*;
use crate::cluster::PeerError;
use delivery::Pending;

fn has(oldest_ms: i64, accepting: bool) -> Result<Answer, PeerError> {
    Ok(Answer { oldest_ms: Some(oldest_ms), passes: false, accepting: Some(accepting) })
}

#[test]
fn the_oldest_frame_of_all_counts_and_whether_anybody_gets_through() {
    let nothing = || Ok(Answer::default());
    let silent = || Err(PeerError::Unreachable("gone".to_owned()));
    assert_eq!(sum(&[]), Pending::None);
    assert_eq!(sum(&[nothing(), nothing()]), Pending::None);
    assert_eq!(sum(&[nothing(), silent()]), Pending::Unknown);
    let waited = Ok(Answer { passes: true, ..Answer::default() });
    assert_eq!(sum(&[nothing(), waited]), Pending::Gone);
    let both = Pending::Since { oldest_ms: 3, accepting: true };
    assert_eq!(sum(&[has(5, true), has(3, false), silent()]), both);
    let stuck = Pending::Since { oldest_ms: 3, accepting: false };
    assert_eq!(
        sum(&[has(3, false), Ok(Answer { accepting: Some(true), ..Answer::default() })]),
        stuck
    );
}

#[test]
fn questions_and_answers_survive_the_wire_and_garbage_does_not() {
    let asked =
        Asked { destination: "prometheus.remote_write.a/x".into(), origin: "node-1".into() };
    assert_eq!(Asked::decode(&asked.encode().unwrap()), Ok(asked));
    let answer = Answer { oldest_ms: Some(-5), passes: true, accepting: None };
    assert_eq!(Answer::decode(&answer.encode().unwrap()), Ok(answer));
    assert!(Asked::decode(&[0xFF; 40]).is_err());
    assert!(Answer::decode(&[]).is_err());
}

#[tokio::test]
async fn a_successor_is_found_though_its_predecessor_goes_later() {
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let url = "http://127.0.0.1:9/write".parse().unwrap();
        let client = client::Client::new(&client::Config::default()).unwrap();
        let config = delivery::EndpointConfig::new("test", url);
        delivery::Destination::open(&directory.path().join(name), config, client).unwrap()
    };
    let deliveries = Deliveries::new("here");
    let name = Arc::from("a");
    let first = open("first");
    let of_first = deliveries.register(&name, first.handle());
    let second = open("second");
    let of_second = deliveries.register(&name, second.handle());
    drop(first);
    drop(of_first);
    assert!(deliveries.find("a").is_some());
    drop(second);
    drop(of_second);
    assert!(deliveries.find("a").is_none());
}

#[tokio::test]
async fn a_silent_node_is_waited_for_only_until_it_is_found_to_be_dead() {
    use crate::cluster::{ClusterState, Node, Options, PeerAccess, PeerStatus};
    use crate::server::config::HttpConfig;
    use tokio::sync::watch;

    let storage = tempfile::tempdir().unwrap();
    let options =
        Options { enabled: true, node_name: Some("here".to_owned()), ..Options::default() };
    let listen = "127.0.0.1:0".parse().unwrap();
    let node = Node::bind(options, listen, storage.path()).await.unwrap();
    let (_http, config) = watch::channel(Arc::new(HttpConfig::default()));
    let access = || PeerAccess::new(None, config.clone(), node.seal()).unwrap();
    // It takes connections, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = silent.local_addr().unwrap();
    let peer = |name: &str, is_self| PeerStatus::participant(name, there, is_self);
    let state = |names: &[&str]| {
        let peers = names.iter().map(|name| peer(name, *name == "here")).collect();
        Arc::new(ClusterState { node_name: "here".to_owned(), peers, ..ClusterState::default() })
    };
    for (origin, left) in [("a", &["here", "b"][..]), ("b", &["here"]), ("gone", &["here"])] {
        let (view, seen) = watch::channel(state(&["here", "a", "b"]));
        let others = Others::new(access(), seen);
        let question = delivery::Question { destination: "d".into(), origin: origin.into() };
        let mut asked = Box::pin(delivery::Peers::pending(&*others, question));
        let waits = tokio::time::timeout(Duration::from_millis(50), &mut asked).await;
        assert!(waits.is_err(), "{origin}: {waits:?}");
        view.send_replace(state(left));
        let pending = asked.await;
        // Whoever is left is asked as well, and is as silent.
        let expected = if left.len() == 1 { Pending::Gone } else { Pending::Unknown };
        assert_eq!(pending, expected, "{origin}");
    }
}
