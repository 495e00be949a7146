use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::*;

mod server;

/// Names and what they resolve to; a name that is missing does not exist, one that maps to an
/// error cannot be looked up.
#[derive(Default)]
struct Fake {
    hosts: BTreeMap<&'static str, Result<Vec<IpAddr>, Failure<IpAddr>>>,
    services: BTreeMap<&'static str, Result<Vec<Service>, String>>,
}

impl Dns for Fake {
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure<IpAddr>>> {
        Box::pin(async move { self.hosts.get(name).cloned().unwrap_or(Ok(Vec::new())) })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        Box::pin(async move { self.services.get(name).cloned().unwrap_or(Ok(Vec::new())) })
    }
}

/// The node that looks.
const OWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 99)), 80);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn service(host: &str, port: u16, addresses: &[&str]) -> Service {
    let addresses = addresses.iter().map(|address| ip(address)).collect();
    Service { host: host.to_owned(), port, addresses }
}

fn world() -> Arc<dyn Dns> {
    let error = "the server said SERVFAIL".to_owned();
    let world = Fake {
        hosts: BTreeMap::from([
            ("both", Ok(vec![ip("10.0.0.1"), ip("fd00::1")])),
            ("pod-0", Ok(vec![ip("10.0.1.0")])),
            ("pod-1", Ok(vec![ip("10.0.1.1")])),
            ("broken", Err(error.clone().into())),
        ]),
        services: BTreeMap::from([
            ("both", Ok(vec![service("pod-0", 7, &[])])),
            ("srv", Ok(vec![service("pod-0", 1234, &[]), service("pod-1", 4321, &["10.9.9.9"])])),
            ("half", Ok(vec![service("broken", 1, &[]), service("pod-1", 2, &[])])),
            ("glue", Ok(vec![service("broken", 3, &["10.9.9.8"])])),
            ("more", Ok(vec![service("broken", 3, &["10.9.9.8"]), service("pod-1", 2, &[])])),
            ("less", Ok(vec![service("broken", 3, &["10.9.9.8"]), service("broken", 4, &[])])),
            ("srv-broken", Err(error)),
            ("srv-to-broken", Ok(vec![service("broken", 1, &[])])),
        ]),
    };
    Arc::new(world)
}

fn outcomes(resolved: &Resolved) -> Vec<&'static str> {
    resolved.lookups.iter().map(|lookup| lookup.outcome.as_str()).collect()
}

#[tokio::test]
async fn every_form_of_a_seed_leads_to_its_addresses() {
    for (seed, addresses) in [
        ("10.1.2.3", &["10.1.2.3:80"] as &[&str]),
        ("10.1.2.3:99", &["10.1.2.3:99"]),
        ("fd00::7", &["[fd00::7]:80"]),
        ("[fd00::7]", &["[fd00::7]:80"]),
        ("[fd00::7]:99", &["[fd00::7]:99"]),
        ("both", &["10.0.0.1:80", "[fd00::1]:80"]),
        ("both:5", &["10.0.0.1:5", "[fd00::1]:5"]),
        ("dns+both", &["10.0.0.1:80", "[fd00::1]:80"]),
        ("dns+srv", &[]),
        ("srv", &["10.0.1.0:1234", "10.0.1.1:4321"]),
        ("dnssrv+srv", &["10.0.1.0:1234", "10.0.1.1:4321"]),
        ("dnssrv+srv:9", &["10.0.1.0:9", "10.0.1.1:9"]),
        ("dnssrvnoa+srv", &["10.0.1.0:1234", "10.9.9.9:4321"]),
        ("dnssrv+both", &["10.0.1.0:7"]),
        // What cannot be looked up came along.
        ("dnssrv+glue", &["10.9.9.8:3"]),
        ("dnssrv+more", &["10.9.9.8:3", "10.0.1.1:2"]),
        ("nobody", &[]),
    ] {
        let resolved = resolve(&[seed.to_owned()], OWN, &world()).await;
        let found: Vec<String> = resolved.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(found, addresses, "{seed}");
        let outcome =
            if addresses.is_empty() { Outcome::Unknown } else { Outcome::Found(addresses.len()) };
        assert_eq!(resolved.lookups, [Lookup { seed: seed.to_owned(), outcome }]);
    }
}

#[tokio::test]
async fn a_failed_lookup_is_told_from_a_name_that_does_not_exist() {
    for seed in ["broken", "dns+broken", "dnssrv+srv-broken", "srv-to-broken", "both:port"] {
        let resolved = resolve(&[seed.to_owned()], OWN, &world()).await;
        assert_eq!((resolved.addresses.len(), outcomes(&resolved)), (0, vec!["failed"]), "{seed}");
        let failure = resolved.failure().expect("it failed");
        assert!(failure.starts_with(seed), "{failure}");
    }
}

/// Those that were found may all be gone, while the one that was not found is there.
#[tokio::test]
async fn a_service_of_which_some_are_found_and_others_fail_has_failed() {
    let resolved = resolve(&["half".to_owned()], OWN, &world()).await;
    assert_eq!(resolved.addresses, ["10.0.1.1:2".parse().expect("an address")]);
    assert_eq!(outcomes(&resolved), ["failed"]);
    assert_eq!(resolved.failure().as_deref(), Some("half: broken: the server said SERVFAIL"));
    let shown = resolved.lookups[0].outcome.to_string();
    assert_eq!(shown, "1 address, but failed: broken: the server said SERVFAIL");
    // Of one instance the address came along, of the other it did not.
    let resolved = resolve(&["less".to_owned()], OWN, &world()).await;
    assert_eq!(resolved.addresses, ["10.9.9.8:3".parse().expect("an address")]);
    assert_eq!(resolved.failure().as_deref(), Some("less: broken: the server said SERVFAIL"));
}

#[tokio::test]
async fn what_is_out_of_reach_is_left_out_and_told_with_its_seed() {
    let seeds = ["127.0.0.1", "both", "10.0.0.1", "127.0.0.2"].map(str::to_owned);
    let mut resolved = resolve(&seeds, OWN, &world()).await;
    let listen = "127.0.0.1:80".parse().expect("an address");
    let left_out = resolved.leave_out_of_reach(Reach { listen, advertise: listen });
    let kept: Vec<String> = resolved.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["127.0.0.1:80", "127.0.0.2:80"]);
    let told: Vec<(&str, String)> =
        left_out.iter().map(|lost| (lost.seed.as_str(), lost.address.to_string())).collect();
    let expected = ["10.0.0.1:80", "[fd00::1]:80"].map(|at| ("both", at.to_owned()));
    assert_eq!(told, expected);
    assert!(left_out[0].reason.contains("listens on loopback only"), "{left_out:?}");
    // Once more, nothing is left to leave out.
    assert_eq!(resolved.leave_out_of_reach(Reach { listen, advertise: listen }), []);
}

#[tokio::test]
async fn seeds_add_up_and_every_address_comes_once() {
    let seeds = ["10.0.0.1", "both", "nobody", "broken", "10.0.0.1:80"].map(str::to_owned);
    let resolved = resolve(&seeds, OWN, &world()).await;
    let found: Vec<String> = resolved.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.0.0.1:80", "[fd00::1]:80"]);
    assert_eq!(outcomes(&resolved), ["found", "found", "unknown", "failed", "found"]);
    assert_eq!(resolved.failure().as_deref(), Some("broken: the server said SERVFAIL"));
}

#[tokio::test]
async fn localhost_needs_no_name_server() {
    let system: Arc<dyn Dns> = Arc::new(System::default());
    let resolved = resolve(&["localhost:7".to_owned()], OWN, &system).await;
    assert!(
        resolved.addresses.contains(&"127.0.0.1:7".parse().expect("an address")),
        "{resolved:?}"
    );
}

/// Never answers for one host, and late for another; the same instances for every service.
struct Silent;

impl Dns for Silent {
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure<IpAddr>>> {
        Box::pin(async move {
            if name == "silent" {
                std::future::pending::<()>().await;
            }
            if name == "slow" {
                tokio::time::sleep(Duration::from_secs(3)).await;
                return Err("the server said SERVFAIL".to_owned().into());
            }
            Ok(vec![ip("10.0.0.1")])
        })
    }

    fn services<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        let hosts = ["silent", "host", "silent", "silent", "silent", "silent", "host"];
        let services = hosts.map(|host| service(host, 7, &[]));
        Box::pin(std::future::ready(Ok(services.to_vec())))
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_takes_too_long_keeps_no_other_that_was_found_before() {
    let silent: Arc<dyn Dns> = Arc::new(Silent);
    let resolved = resolve(&["dnssrv+service".to_owned()], OWN, &silent).await;
    assert_eq!(resolved.addresses, ["10.0.0.1:7".parse().expect("an address")]);
    let shown = resolved.lookups[0].outcome.to_string();
    assert!(shown.starts_with("2 addresses, but failed: silent: no answer"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_host_lookup_that_takes_long_and_fails_leaves_time_for_the_service_of_that_name() {
    let (silent, begin): (Arc<dyn Dns>, _) = (Arc::new(Silent), tokio::time::Instant::now());
    let resolved = resolve(&["slow".to_owned()], OWN, &silent).await;
    assert!(begin.elapsed() < LOOKUP_TIMEOUT, "{:?}", begin.elapsed());
    assert_eq!(resolved.addresses, ["10.0.0.1:7".parse().expect("an address")]);
    let shown = resolved.lookups[0].outcome.to_string();
    assert!(shown.starts_with("2 addresses, but failed: silent: no answer"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_seed_that_takes_too_long_keeps_no_other() {
    let silent: Arc<dyn Dns> = Arc::new(Silent);
    let seeds = ["silent", "host"].map(str::to_owned);
    let resolved = resolve(&seeds, OWN, &silent).await;
    assert_eq!(resolved.addresses, ["10.0.0.1:80".parse().expect("an address")]);
    assert_eq!(resolved.failure().as_deref(), Some("silent: no answer in 9s"));
}

#[tokio::test]
async fn a_seed_at_port_0_is_a_mistake_that_is_named() {
    let dns: Arc<dyn Dns> = Arc::new(System::default());
    for seed in ["10.0.0.1:0", "[fd00::1]:0", "dns+host:0", "host:00", "host:65536"] {
        assert_eq!(literal(seed, 80), None);
        let found = resolve(&[seed.to_owned()], OWN, &dns).await;
        let failure = found.failure().expect(seed);
        assert!(failure.contains("is no port"), "{failure}");
    }
}
