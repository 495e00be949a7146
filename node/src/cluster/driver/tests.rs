use std::net::IpAddr;

use membership::{Name, Peer, State, Swim};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::*;
use crate::cluster::PeerSeal;
use crate::cluster::advertise::Reach;
use crate::cluster::known::{Known, file};
use crate::cluster::seeds::{Dns, Failure, Service};
use crate::core::{self, GateConfig};
use crate::server::components::BoxFuture;

/// A name server that no lookup survives.
struct Fatal;

impl Dns for Fatal {
    fn hosts<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure<IpAddr>>> {
        Box::pin(async { panic!("a lookup of these tests") })
    }

    fn services<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        Box::pin(async { panic!("a lookup of these tests") })
    }
}

fn peer(name: &str, address: SocketAddr) -> Peer {
    let name = Name::new(name).expect("a valid name");
    Peer { name, address, generation: 7, state: State::Joining }
}

fn membership(seeded: bool) -> membership::Config {
    membership::Config { seeded, ..membership::Config::default() }
}

/// A node called a, which does nothing by itself.
fn driver(storage: &tempfile::TempDir, seeded: bool) -> Driver {
    let now = Instant::now();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
    socket.set_nonblocking(true).expect("a socket");
    let me = peer("a", socket.local_addr().expect("it is bound"));
    let reach = Reach { listen: me.address, advertise: me.address };
    let gate = GateConfig { wait_for_size: 0, wait_timeout: Duration::ZERO };
    let config = core::Config { membership: Some(membership(seeded)), gate };
    let known = Known::new(None, "", &me.name, 0);
    let (_, http) = watch::channel(Arc::default());
    let peers = PeerAccess::new(None, http, PeerSeal::new("", membership::Keyring::default()));
    Driver {
        core: Core::new(me, config, ChaCha12Rng::seed_from_u64(1), now),
        socket: Some(Datagrams::new(socket).expect("inside a runtime")),
        questions: mpsc::channel(1).1,
        wake: Arc::default(),
        subscribers: Subscribers::default(),
        published: watch::channel(Arc::default()).0,
        measures: Arc::default(),
        finding: Finding::new(
            vec!["a.name".to_owned()],
            Arc::new(Fatal),
            reach,
            (known, file::File::of(storage.path())),
        ),
        peers: Arc::new(peers.expect("plain HTTP")),
        generation: Generation::next(storage.path(), 7).expect("a directory"),
        cluster_name: String::new(),
        started: now,
        errands: JoinSet::new(),
        seals: JoinSet::new(),
        stops: Stops::default(),
        claims: BTreeMap::new(),
        claim_id: 0,
        rhythm: Rhythm::new(storage.path(), now),
        shares: Shares::default(),
        refusals: Refusals::default(),
        draining: Vec::new(),
        departing: Vec::new(),
        departed: false,
        awaited: Awaited::default(),
        compared: None,
        audited: Audits::default(),
        unpublished: true,
    }
}

/// Without it, the first to tell of the closed port is a probe that goes unanswered.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_icmp_says_of_a_peer_makes_a_node_knock_at_once() {
    let storage = tempfile::tempdir().expect("a directory");
    let mut driver = driver(&storage, false);
    driver.core.participate(Instant::now());
    driver.act();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
    let there = closed.local_addr().expect("it is bound");
    drop(closed);

    // A node that was there joins by this one.
    let now = Instant::now();
    let rng = ChaCha12Rng::seed_from_u64(2);
    let mut other = Swim::new(peer("b", there), membership(true), rng, now);
    while other.poll_output().is_some() {}
    other.handle_seeds(&[driver.core.me().address], now);
    while driver.core.swim().expect("it is clustered").size() < 2 {
        let output = other.poll_output().expect("it has more to say");
        if let membership::Output::Sync { to, body } = output {
            let answer = driver.core.handle_sync(&body, now).expect("a question");
            while driver.core.poll_output().is_some() {}
            while other.poll_output().is_some() {}
            other.handle_sync_reply(to, &answer, now).expect("an answer");
        }
    }
    let knocks = |driver: &Driver| driver.core.swim().expect("it is clustered").counters().knocks;
    assert_eq!((knocks(&driver), driver.errands.len()), (0, 0));

    let told = async {
        while knocks(&driver) == 0 {
            // The runtime may not know yet that the socket has room.
            driver.transmit(there, b"anything");
            tokio::task::yield_now().await;
            driver.hear_of_the_unreachable();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("it is told, and knocks");
    assert_eq!((knocks(&driver), driver.errands.len()), (1, 1), "it knocks");
    let Some(Ok(Errand::Knocked { to, knock })) = driver.errands.join_next().await else {
        panic!("it has no other errand");
    };
    assert_eq!((to, knock), (there, Knock::Refused));
    driver.finish(Ok(Errand::Knocked { to, knock }));
    let counters = driver.core.swim().expect("it is clustered").counters();
    assert_eq!(counters.evidence_of_death, 1);
}

#[tokio::test]
async fn a_lookup_that_panics_is_a_failure_and_not_the_last() {
    let storage = tempfile::tempdir().expect("a directory");
    let mut driver = driver(&storage, true);
    driver.act();
    for _ in 0..3 {
        driver.resolve();
        driver.resolve();
        assert_eq!(driver.errands.len(), 1, "one at a time");
        let errand = driver.errands.join_next().await.expect("a lookup");
        assert!(errand.is_err());
        driver.finish(errand);
        let swim = driver.core.swim().expect("it is clustered");
        assert!(swim.resolution_error().is_some_and(|error| error.contains("lookup")));
    }
}

#[tokio::test]
async fn a_file_whose_writing_panics_is_written_again() {
    let storage = tempfile::tempdir().expect("a directory");
    let mut driver = driver(&storage, false);
    driver.act();
    for of_peers in [true, false] {
        let id = driver.errands.spawn_blocking(|| panic!("a write of these tests")).id();
        let file = if of_peers { &mut driver.finding.writing } else { &mut driver.rhythm.writing };
        *file = Some(id);
        let errand = driver.errands.join_next().await.expect("it ends");
        driver.finish(errand);
        assert_eq!((driver.finding.writing, driver.rhythm.writing), (None, None));
    }
}
