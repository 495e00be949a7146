//! Starting a node's part in its cluster.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use membership::{Keyring, Name, NameError, Peer, State};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::advertise::Reach;
use super::check::Awaited;
use super::datagrams::Datagrams;
use super::driver::{Audits, Driver, Finding, Rhythm, Shares, Stops};
use super::known::{Known, file};
use super::measure::Measures;
use super::refusals::Refusals;
use super::subscribers::Subscribers;
use super::{
    ClusterState, Handle, Options, PeerAccess, PeerSeal, advertise, generation, keys, seeds, socket,
};
use crate::core::{self, Core, GateConfig};
use crate::deliveries::Deliveries;
use crate::telemetry::{Registration, Registry};

#[cfg(test)]
mod tests;

/// Questions that may wait for the event loop; whoever asks one more waits.
const QUESTIONS: usize = 256;

/// Why a node cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not of this host.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The name of this node cannot be used.
    #[error("the node's name {name:?} cannot be used, give another with --cluster.node-name")]
    Name {
        /// Where it came from does not matter: it is what others would see.
        name: String,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// There is no address under which others could reach this node.
    #[error(transparent)]
    Advertise(#[from] advertise::Error),
    /// There are no keys where there should be.
    #[error("--cluster.key-file")]
    Keys(#[from] keys::Error),
    /// The generation cannot be kept.
    #[error(transparent)]
    Generation(#[from] generation::Error),
    /// The system gives no thread or no timer.
    #[error("cannot start the cluster's event loop")]
    Runtime(#[source] io::Error),
}

/// A node's sockets, bound but not served yet.
#[derive(Debug)]
pub struct Node {
    options: Options,
    me: Peer,
    generation: generation::Generation,
    listener: TcpListener,
    socket: Option<std::net::UdpSocket>,
    seal: PeerSeal,
    /// Where it listens, the port being a definite one.
    listen: SocketAddr,
    known: Known,
    known_file: file::File,
    rhythm: Rhythm,
}

/// A node that takes part.
#[derive(Debug)]
pub struct Started {
    /// What the rest of the process holds of the cluster.
    pub handle: Handle,
    thread: JoinHandle<()>,
    _measures: Registration,
}

impl Started {
    /// Lets the event loop end as if the process had died: nobody holds a handle any more.
    #[cfg(test)]
    pub(super) fn crash(self) {
        self.join();
    }

    /// Waits for the event loop to end, which it does after [`Handle::depart`]. Blocks.
    pub fn join(self) {
        drop(self.handle);
        // A panic in there was reported where it happened.
        let _ = self.thread.join();
    }
}

impl Node {
    /// Binds the listen address, and finds out who this node is: its name, the address to
    /// advertise, and a generation above all it had before.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn bind(
        options: Options,
        listen: SocketAddr,
        storage_path: &Path,
    ) -> Result<Self, StartError> {
        let name = name(&options)?;
        let keyring = options.key_file.as_deref().map(keys::read).transpose()?.unwrap_or_default();
        let seal = PeerSeal::new(&options.name, keyring);
        let (listener, socket) = socket::bind(listen, options.enabled)
            .map_err(|source| StartError::Listen { address: listen, source })?;
        let local = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address: listen, source })?;
        let address = match &options.advertise_address {
            _ if !options.enabled => local,
            Some(text) => advertise::parse(text, local).await?,
            None => {
                let candidates = advertise::candidates()?;
                advertise::choose(local, &options.advertise_interfaces, &candidates)?
            }
        };
        if options.enabled {
            let reach = Reach { listen: local, advertise: address };
            let literal = |seed: &String| seeds::literal(seed, local.port());
            let mut checked = options.join_addresses.iter().filter_map(literal);
            checked.try_for_each(|seed| reach.check(seed)).map_err(advertise::Error::from)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let directory = storage_path.join("cluster");
        let generation = generation::Generation::next(&directory, now)?;
        let known_file = file::File::of(&directory);
        let known = Known::new(known_file.read().as_deref(), &options.name, &name, now);
        let me = Peer { name, address, generation: generation.current(), state: State::Joining };
        let rhythm = Rhythm::new(storage_path, Instant::now());
        let listen = local;
        let node = Self {
            options,
            me,
            generation,
            listener,
            socket,
            listen,
            known,
            known_file,
            seal,
            rhythm,
        };
        node.say_how_secure();
        Ok(node)
    }

    fn reach(&self) -> Reach {
        Reach { listen: self.listen, advertise: self.me.address }
    }

    fn say_how_secure(&self) {
        let keys = self.seal.keyring().ids();
        if !keys.is_empty() {
            info!(?keys, "what nodes say to each other is sealed; the first key seals");
        } else if self.options.enabled && !self.reach().is_loopback() {
            warn!(
                address = %self.me.address,
                listen = %self.listen,
                "what nodes say to each other is neither encrypted nor authenticated: whoever \
                 reaches these addresses can join the cluster or disturb it; give every node the \
                 same --cluster.key-file with a key that `shoal key new` prints"
            );
        }
    }

    /// What seals the bodies of the peer API.
    pub fn seal(&self) -> PeerSeal {
        self.seal.clone()
    }

    /// Who this node is.
    pub fn me(&self) -> &Peer {
        &self.me
    }

    /// Starts the event loop on a thread of its own. Returns the listener for HTTP, which serves
    /// the peer API among the rest: until it is served, others cannot join through this node.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no timer.
    pub fn start(
        mut self,
        peers: PeerAccess,
        registry: &Registry,
    ) -> Result<(Started, TcpListener), StartError> {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let wake = Arc::new(Notify::new());
        let (published, state) = watch::channel(Arc::new(ClusterState::default()));
        let measures = Arc::new(Measures::default());
        let registration = measures.register(registry, state.clone(), self.seal.clone());
        let handle = Handle {
            questions,
            wake: Arc::clone(&wake),
            state,
            listed: Arc::new(Mutex::new(Vec::new())),
            kept: Arc::default(),
            seal: self.seal.clone(),
            key_file: self.options.key_file.as_deref().map(Arc::from),
            deliveries: Deliveries::new(self.me.name.as_str()),
        };
        let now = Instant::now();
        let config = core::Config {
            membership: self
                .options
                .enabled
                .then(|| self.options.membership(self.seal.keyring(), self.known.is_empty())),
            gate: GateConfig {
                wait_for_size: if self.options.enabled { self.options.wait_for_size } else { 0 },
                wait_timeout: self.options.wait_timeout,
            },
        };
        let reach = self.reach();
        let mut core = Core::new(self.me, config, ChaCha12Rng::from_rng(&mut rand::rng()), now);
        core.restore_checkpoints(self.rhythm.load());
        measures.checkpoints_kept(core.checkpoints());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::Runtime)?;
        let socket = {
            let _inside = runtime.enter();
            self.socket.map(Datagrams::new).transpose()
        };
        let mut driver = Driver {
            core,
            socket: socket.map_err(StartError::Runtime)?,
            questions: asked,
            wake,
            subscribers: Subscribers::default(),
            published,
            measures,
            finding: Finding::new(
                self.options.join_addresses,
                Arc::new(seeds::System::default()),
                reach,
                (self.known, self.known_file),
            ),
            peers: Arc::new(peers),
            generation: self.generation,
            cluster_name: self.options.name,
            started: now,
            errands: JoinSet::new(),
            seals: JoinSet::new(),
            stops: Stops::default(),
            claims: BTreeMap::new(),
            claim_id: 0,
            rhythm: self.rhythm,
            shares: Shares::default(),
            refusals: Refusals::default(),
            draining: Vec::new(),
            departing: Vec::new(),
            departed: false,
            awaited: Awaited::default(),
            compared: None,
            audited: Audits::default(),
            unpublished: true,
        };
        // Whoever has a handle is told who this node is, also before the thread has run.
        driver.publish();
        let thread = std::thread::Builder::new()
            .name("cluster".to_owned())
            .spawn(move || runtime.block_on(driver.run()))
            .map_err(StartError::Runtime)?;
        Ok((Started { handle, thread, _measures: registration }, self.listener))
    }
}

impl Options {
    /// What membership is told. A node that had peers looks for them before it is a cluster of
    /// its own, even if nobody configured a seed: it may be the one that the others have as theirs.
    fn membership(&self, keyring: Keyring, had_no_peers: bool) -> membership::Config {
        let is_name = |seed: &String| seeds::literal(seed, 0).is_none();
        membership::Config {
            cluster: self.name.clone(),
            keyring,
            seeded: !self.join_addresses.is_empty() || !had_no_peers,
            named_seeds: self.join_addresses.iter().any(is_name),
            rejoin_interval: self.rejoin_interval,
            max_join_peers: self.max_join_peers,
            bootstrap_timeout: self.bootstrap_timeout,
            ..membership::Config::default()
        }
    }
}

/// The name that was given, else the host's. A node on its own needs none that others could use.
fn name(options: &Options) -> Result<Name, StartError> {
    let text = match &options.node_name {
        Some(name) => name.clone(),
        None => gethostname::gethostname().to_string_lossy().into_owned(),
    };
    match Name::new(&text) {
        Ok(name) => Ok(name),
        Err(_) if !options.enabled => Ok(Name::new("node").expect("four letters are a name")),
        Err(source) => Err(StartError::Name { name: text, source }),
    }
}
