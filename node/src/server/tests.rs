//! The server over real connections, with a graph of the tests' own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use client::{Client, Config, Credentials, MemoryDialer, Secret, Source};
use http::{Method, Request, StatusCode};
use model::Labels;
use ownership::Key;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::components::{
    BoxFuture, Component, ComponentRequest, Components, ConfigNode, Health, HealthState,
    TargetHealth,
};
use super::config::{AuthConfig, HttpConfig};
use super::*;
use crate::cluster::{self, Announced, Node, PeerAccess, Started, Subscription};
use crate::telemetry::Registry;

mod hostile;
mod keyed;
mod peers;
mod ready;
mod targets;
mod tls;

/// Far beyond what any step takes, so that a loaded machine fails no test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A graph of two components, one of them in a module, and perhaps a discovery.
struct Graph {
    healthy: bool,
    import: HealthState,
    discovery: Arc<Mutex<Option<HealthState>>>,
    http: watch::Receiver<Arc<HttpConfig>>,
}

fn component(module: &str, label: &str, healthy: bool) -> Component {
    let state = if healthy { HealthState::Healthy } else { HealthState::Unhealthy };
    Component {
        name: "prometheus.scrape".to_owned(),
        r#type: "block".to_owned(),
        local_id: format!("prometheus.scrape.{label}"),
        module_id: module.to_owned(),
        label: label.to_owned(),
        references_to: vec![format!("discovery.file.{label}")],
        referenced_by: vec![format!("prometheus.relabel.{label}")],
        data_flow_edges_to: vec![format!("prometheus.remote_write.{label}")],
        health: Health {
            state,
            message: "as told".to_owned(),
            updated_time: "2026-11-22T16:15:40.123Z".to_owned(),
        },
        original: String::new(),
        arguments: json!([]),
        exports: json!([]),
        debug_info: json!([]),
        created_module_ids: vec![format!("mod.{label}")],
        live_debugging_enabled: false,
    }
}

impl Components for Graph {
    fn is_loaded(&self) -> bool {
        true
    }

    fn list(&self) -> Vec<Component> {
        let discovery = self.discovery.lock().expect("it did not panic").map(|state| {
            let mut discovery = component("", "nodes", true);
            discovery.name = "discovery.http".to_owned();
            discovery.local_id = "discovery.http.nodes".to_owned();
            discovery.health.state = state;
            discovery
        });
        let scrapes = [component("", "a", self.healthy), component("mod.x", "b", true)];
        scrapes.into_iter().chain(discovery).collect()
    }

    fn config_nodes(&self) -> Vec<ConfigNode> {
        let health = Health { state: self.import, ..component("", "a", true).health };
        vec![ConfigNode { id: "import.file.lib".to_owned(), health }]
    }

    fn troubles(&self) -> Vec<String> {
        let broken =
            self.config_nodes().into_iter().filter(|n| n.health.state != HealthState::Healthy);
        broken.map(|node| format!("{}: {}", node.id, node.health.message)).collect()
    }

    fn glimpse<'a>(&'a self, id: &'a str, _most: usize) -> BoxFuture<'a, Option<Component>> {
        Box::pin(async move { self.list().into_iter().find(|component| component.id() == id) })
    }

    fn target_health<'a>(
        &'a self,
        _component: &'a str,
        keys: &'a [Key],
    ) -> BoxFuture<'a, Vec<Option<TargetHealth>>> {
        let health = TargetHealth {
            health: "up".to_owned(),
            last_error: String::new(),
            last_scrape: 1_700_000_000_000,
            last_scrape_duration: 0.25,
        };
        Box::pin(async move { vec![Some(health); keys.len()] })
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        let result = if self.healthy { Ok(()) } else { Err("config.alloy:1:1: error".to_owned()) };
        Box::pin(async move { result })
    }

    fn serve(&self, request: ComponentRequest) -> BoxFuture<'_, Option<http::Response<Bytes>>> {
        Box::pin(async move {
            let text = format!("{} {} {}", request.id, request.path, request.request.method());
            Some(http::Response::new(Bytes::from(text)))
        })
    }

    fn http(&self) -> watch::Receiver<Arc<HttpConfig>> {
        self.http.clone()
    }
}

/// A node with a server around it.
struct World {
    address: SocketAddr,
    cluster: Started,
    client: Client,
    http: watch::Sender<Arc<HttpConfig>>,
    phase: watch::Sender<Phase>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    memory: MemoryDialer,
    context: Arc<Context>,
    _storage: tempfile::TempDir,
}

struct Setup {
    name: &'static str,
    join: Vec<SocketAddr>,
    clustered: bool,
    http: HttpConfig,
    healthy: bool,
    import: HealthState,
    discovery: Arc<Mutex<Option<HealthState>>>,
    prefix: &'static str,
    peer_tls: Option<client::Tls>,
    /// What the file of `--cluster.key-file` holds.
    keys: Option<String>,
    /// Whether it has what it needs to collect, and so takes part once it has joined.
    participates: bool,
    bootstrap_timeout: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            name: "a",
            join: Vec::new(),
            clustered: false,
            http: HttpConfig::default(),
            healthy: true,
            import: HealthState::Healthy,
            discovery: Arc::default(),
            prefix: "/",
            peer_tls: None,
            keys: None,
            participates: true,
            bootstrap_timeout: cluster::Options::default().bootstrap_timeout,
        }
    }
}

/// Starts a node and waits until it takes part.
async fn start(setup: Setup) -> World {
    let world = begin(setup).await;
    let mut state = world.cluster.handle.state();
    let joined = state.wait_for(|state| state.is_participant() && state.collecting);
    tokio::time::timeout(PATIENCE, joined).await.expect("in time").expect("the loop runs");
    world
}

async fn begin(setup: Setup) -> World {
    let storage = tempfile::tempdir().expect("a directory");
    let key_file = setup.keys.map(|keys| {
        let path = storage.path().join("keys");
        std::fs::write(&path, keys).expect("a file");
        path
    });
    let options = cluster::Options {
        key_file,
        enabled: setup.clustered,
        node_name: Some(setup.name.to_owned()),
        join_addresses: setup.join.iter().map(ToString::to_string).collect(),
        bootstrap_timeout: setup.bootstrap_timeout,
        ..cluster::Options::default()
    };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let node = Node::bind(options, listen, storage.path()).await.expect("loopback can be bound");
    let address = node.me().address;
    let (http, now) = watch::channel(Arc::new(setup.http));
    let tls = setup.peer_tls;
    let seal = node.seal();
    let access =
        || PeerAccess::new(tls.clone(), now.clone(), seal.clone()).expect("settings that fit");
    let registry = Registry::default();
    let (cluster, listener) = node.start(access(), &registry).expect("a thread");
    let (phase, phase_now) = watch::channel(Phase::Running);
    let handle = cluster.handle.clone();
    let context =
        Context::new(handle, access(), registry, setup.prefix.to_owned(), true, phase_now);
    let Setup { healthy, import, discovery, .. } = setup;
    context.set_graph(Arc::new(Graph { healthy, import, discovery, http: now.clone() }));
    let (memory, from_memory) = MemoryDialer::bind("shoal.internal:1");
    let cancel = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let context = Arc::new(context);
    let what = Serve { listener, memory: from_memory, context: Arc::clone(&context), http: now };
    let stop = cancel.clone();
    tasks.spawn(async move { serve(what, stop).await.expect("it can be served") });
    if setup.participates {
        cluster.handle.participate().await.expect("it runs");
    }
    let client = Client::with_memory(&Config::default(), memory.clone()).expect("plain HTTP");
    World {
        address,
        cluster,
        client,
        http,
        phase,
        cancel,
        tasks,
        memory,
        context,
        _storage: storage,
    }
}

/// How long nodes wait that are not to begin on their own.
const SHORT: Duration = Duration::from_secs(1);

/// Waits until a node has begun on its own, whose seed is not there: whoever waits for no longer than
/// [`SHORT`], and was started before, might have done so too.
async fn outwait() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let join = vec![nobody.local_addr().expect("it is bound")];
    drop(nobody);
    let other = Setup { clustered: true, bootstrap_timeout: 2 * SHORT, join, ..Setup::default() };
    start(other).await;
}

impl World {
    /// Fails unless the node is out of every cluster, and says so with these words.
    async fn assert_out(&self, words: &[&str]) {
        let state = self.cluster.handle.state().borrow().clone();
        assert!(!state.joined && !state.is_participant(), "{words:?}: {state:?}");
        let (status, text) = self.get("/-/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
        let told = ["has not joined its cluster yet"].iter().chain(words);
        told.for_each(|words| assert!(text.contains(words), "no {words:?} in {text}"));
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> (StatusCode, String) {
        let url = format!("http://{}{path}", self.address);
        exchange(&self.client, method, &url, body).await
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(Method::GET, path, "").await
    }

    async fn post_body(&self, path: &str, body: Bytes) -> (StatusCode, Vec<u8>) {
        let url = format!("http://{}{path}", self.address);
        let request = Request::post(url).body(body).expect("a request");
        let mut answer = self.client.send(request).await.expect("an answer");
        let mut body = Vec::new();
        answer.read_body(1 << 20, &mut body).await.expect("a body");
        (answer.status(), body)
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).expect("it is JSON")
    }
}

async fn exchange(client: &Client, method: Method, url: &str, body: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(url);
    let request = request.body(Bytes::from(body.to_owned())).expect("a request");
    let mut response = client.send(request).await.expect("an answer");
    let mut body = Vec::new();
    response.read_body(64 << 20, &mut body).await.expect("a whole body");
    (response.status(), String::from_utf8(body).expect("UTF-8"))
}

#[tokio::test]
async fn large_bodies_of_strangers_wait_for_room_and_hold_up_nobody_else() {
    let world = start(Setup::default()).await;
    let room = || world.context.bodies.available_permits();
    let free = room();
    let mut strangers = Vec::new();
    for _ in 0..20 {
        let mut stranger = tokio::net::TcpStream::connect(world.address).await.expect("it listens");
        let head = format!(
            "POST /api/v1/peer/sync HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\nx",
            membership::SYNC_MAX
        );
        stranger.write_all(head.as_bytes()).await.expect("it reads");
        strangers.push(stranger);
    }
    until(|| room() < membership::SYNC_MAX / 1024).await;
    assert_eq!(world.get("/-/healthy").await.0, StatusCode::OK);
    assert_ne!(world.send(Method::POST, "/api/v1/peer/sync", "small").await.0, StatusCode::OK);
    drop(strangers);
    until(|| room() == free).await;
}

async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.expect("it comes true");
}

#[tokio::test]
async fn probes_say_what_orchestrators_need() {
    let world = start(Setup::default()).await;
    assert_eq!(world.get("/-/ready").await, (StatusCode::OK, "Shoal is ready.\n".to_owned()));
    assert_eq!(world.get("/-/healthy").await.0, StatusCode::OK);
    assert_eq!(world.send(Method::POST, "/-/reload", "").await.1, "config reloaded\n");
    assert_eq!(world.send(Method::PUT, "/-/reload", "").await.0, StatusCode::METHOD_NOT_ALLOWED);
    world.phase.send_replace(Phase::Draining);
    let (status, text) = world.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("shutting down"), "{text}");
}

#[tokio::test]
async fn a_node_is_ready_once_its_discoveries_have_found_something_or_failed() {
    let discovery = Arc::new(Mutex::new(Some(HealthState::Unknown)));
    let world = start(Setup { discovery: Arc::clone(&discovery), ..Setup::default() }).await;
    let (status, text) = world.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("discovery.http.nodes looks for them"), "{text}");
    // Who waits for an address that never answers would wait for ever.
    *discovery.lock().expect("it did not panic") = Some(HealthState::Unhealthy);
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
    // One that a reload adds.
    *discovery.lock().expect("it did not panic") = Some(HealthState::Unknown);
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_unhealthy_component_is_named_and_a_bad_reload_says_why() {
    let world = start(Setup { healthy: false, ..Setup::default() }).await;
    let (status, text) = world.get("/-/healthy").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text, "unhealthy components: prometheus.scrape.a\n");
    let (status, text) = world.get("/-/reload").await;
    assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, "config.alloy:1:1: error\n"));
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_broken_import_makes_the_node_unhealthy_and_is_no_component() {
    let world = start(Setup { import: HealthState::Unhealthy, ..Setup::default() }).await;
    let (status, text) = world.get("/-/healthy").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text, "unhealthy components: import.file.lib\n");
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK, "what ran before runs on");
    let components = world.json("/api/v0/web/components").await;
    assert_eq!(components.as_array().map(Vec::len), Some(1), "as in Alloy: {components}");
    let status = world.json("/api/v1/status").await;
    assert_eq!(status["troubles"], json!(["import.file.lib: as told"]));
}

/// A component of [`component`] as Alloy lists it.
fn listed(module: &str, label: &str) -> Value {
    json!({
        "name": "prometheus.scrape",
        "type": "block",
        "localID": format!("prometheus.scrape.{label}"),
        "moduleID": module,
        "label": label,
        "referencesTo": [format!("discovery.file.{label}")],
        "referencedBy": [format!("prometheus.relabel.{label}")],
        "dataFlowEdgesTo": [format!("prometheus.remote_write.{label}")],
        "health": {
            "state": "healthy",
            "message": "as told",
            "updatedTime": "2026-11-22T16:15:40.123Z",
        },
        "original": "",
        "arguments": [],
        "exports": [],
        "debugInfo": [],
        "createdModuleIDs": [format!("mod.{label}")],
        "liveDebuggingEnabled": false,
    })
}

#[tokio::test]
async fn alloys_json_has_alloys_shape() {
    let world = start(Setup { prefix: "/ui/", ..Setup::default() }).await;
    let components = world.json("/ui/api/v0/web/components").await;
    assert_eq!(components, json!([listed("", "a")]), "the root's only");
    let inner = world.json("/ui/api/v0/web/modules/mod.x/components").await;
    assert_eq!(inner, json!([listed("mod.x", "b")]));
    let detail = world.json("/ui/api/v0/web/components/mod.x/prometheus.scrape.b").await;
    assert_eq!(detail, listed("mod.x", "b"));
    let peers = world.json("/ui/api/v0/web/peers").await;
    let addr = world.address.to_string();
    let expected = json!([{"name": "a", "addr": addr, "isSelf": true, "state": "participant"}]);
    assert_eq!(peers, expected);
    for unknown in ["/ui/api/v0/web/components/no.such", "/ui/api/v0/web/nothing", "/nothing"] {
        assert_eq!(world.get(unknown).await.0, StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn a_component_answers_below_its_id() {
    let world = start(Setup::default()).await;
    let (_, text) =
        world.send(Method::POST, "/api/v0/component/mod.x/prometheus.scrape.b/x/y", "").await;
    assert_eq!(text, "mod.x/prometheus.scrape.b x/y POST");
    assert_eq!(world.get("/api/v0/component/no.such/x").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_page_is_a_page_and_names_the_node() {
    let world = start(Setup { prefix: "/ui/", name: "node-17", ..Setup::default() }).await;
    for path in
        ["/ui/", "/ui", "/ui/clustering", "/ui/targets", "/ui/component/prometheus.scrape.a"]
    {
        let (status, page) = world.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert!(page.starts_with("<!doctype html>") && page.contains("node-17"), "{path}: {page}");
    }
    let (status, page) = world.get("/ui/component/no.such").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert!(world.get("/ui/assets/shoal.css").await.1.contains("prefers-color-scheme"));
    assert_eq!(world.send(Method::POST, "/ui/", "").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn metrics_count_the_requests_before_them() {
    let world = start(Setup::default()).await;
    world.get("/-/ready").await;
    let (_, page) = world.get("/metrics").await;
    assert!(page.contains("shoal_http_requests_total{route=\"ready\",code=\"200\"} 1\n"), "{page}");
}

#[tokio::test]
async fn status_tells_this_node_in_one_look() {
    let world = start(Setup::default()).await;
    let local = world.cluster.handle.subscribe_local("prometheus.scrape.a");
    local.announce([Announced::new(Key::from(1), "x")].into());
    let status: Status =
        serde_json::from_value(world.json("/api/v1/status").await).expect("a status");
    assert_eq!(
        (status.name.as_str(), status.state.as_str(), status.ready),
        ("a", "participant", true)
    );
    assert_eq!(status.address, world.address.to_string());
    let targets = status.components[0].targets.expect("it has targets");
    assert_eq!((targets.known, targets.local), (1, 1));
    assert_eq!(status.cluster.peers.len(), 1);
}

#[tokio::test]
async fn a_password_is_asked_for_and_follows_the_configuration() {
    let auth = |password: &str| HttpConfig {
        auth: Some(AuthConfig {
            username: "me".to_owned(),
            password: password.to_owned(),
            paths: vec!["/-/ready".to_owned()],
            authenticate_matching_paths: false,
        }),
        ..HttpConfig::default()
    };
    let world = start(Setup { http: auth("one"), ..Setup::default() }).await;
    assert_eq!(world.get("/metrics").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
    let with = |password: &str| {
        let password = Some(Source::Inline(Secret::new(password)));
        let credentials = Some(Credentials::Basic { username: "me".to_owned(), password });
        Client::new(&Config { credentials, ..Config::default() }).expect("plain HTTP")
    };
    let url = format!("http://{}/metrics", world.address);
    let status = async |password| exchange(&with(password), Method::GET, &url, "").await.0;
    assert_eq!(status("one").await, StatusCode::OK);
    world.http.send_replace(Arc::new(auth("two")));
    assert_eq!(status("one").await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("two").await, StatusCode::OK);
    // From within the process nobody is asked: its address cannot be reached from elsewhere.
    let inside = format!("http://{}/metrics", world.memory.address());
    assert_eq!(exchange(&world.client, Method::GET, &inside, "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn bodies_and_numbers_have_limits() {
    let world = start(Setup::default()).await;
    let limit = membership::SYNC_MAX + membership::Channel::OVERHEAD;
    let body = "x".repeat(limit + 1);
    let (status, _) = world.send(Method::POST, "/api/v1/peer/sync", &body).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    for query in ["limit=1001", "limit=x", "offset=20001"] {
        let (status, text) = world.get(&format!("/api/v1/targets?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {text}");
    }
    assert_eq!(
        world.send(Method::POST, "/api/v1/peer/targets", "x").await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(world.get("/api/v1/peer/sync").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.get("/api/v1/explain").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(world.get("/debug/pprof/profile?seconds=301").await.0, StatusCode::BAD_REQUEST);
    // Clustering is off here, so nobody's state is compared.
    assert_eq!(world.send(Method::POST, "/api/v1/peer/sync", "").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_it_is_at() {
    let mut world = start(Setup::default()).await;
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
    world.cancel.cancel();
    let ended = tokio::time::timeout(PATIENCE, world.tasks.join_next()).await;
    ended.expect("in time").expect("it ran").expect("it did not panic");
    tokio::net::TcpStream::connect(world.address).await.expect_err("nobody listens");
}
