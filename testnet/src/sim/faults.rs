//! What goes wrong, and when: drawn from the seed.

use std::time::Duration;

use super::World;
use super::host::{Dns, Pace, Role};
use super::network::{Carrier, Hosts, Rule, RuleId};

mod strike;

/// A kind of fault, or of planned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process ends without a word and comes back later.
    Crash,
    /// The same, and it comes back at another address.
    Move,
    /// A whole machine goes silent, and comes back later.
    PowerCut,
    /// A node leaves and comes back later.
    Leave,
    /// Most nodes restart within ten seconds, each at a new address.
    MassRestart,
    /// A node comes back without its files, and with another clock.
    Amnesia,
    /// The wall clocks of some nodes that run jump, and are set right later.
    ClockJump,
    /// The disks of some nodes take long for each write, and the nodes may restart meanwhile.
    SlowDisk,
    /// Some nodes hear only each other for a while.
    Partition,
    /// One node hears nobody, but is heard.
    Deaf,
    /// One node is heard by nobody, but hears.
    Mute,
    /// Some pairs of nodes do not reach each other, while everybody else reaches both.
    Cuts,
    /// Some nodes are reached by TCP alone, or by UDP alone.
    Firewall,
    /// The ways to and from some nodes lose, delay, reorder and double.
    Storm,
    /// Some processes are stopped, and go on later.
    Pause,
    /// What some processes send and receive is stuck, while their timers run.
    Blocked,
    /// Some processes take long for each input.
    Slow,
    /// A newcomer has the name of a node that lives.
    NameClash,
    /// Two nodes of different clusters restart, each at the address of the other.
    AddressReuse,
    /// The name server lies to some nodes, which may restart meanwhile.
    DnsLie,
    /// The name server fails for all seeds but one, to some nodes, which may restart meanwhile.
    DnsFailure,
    /// The keys of the cluster are changed, host by host.
    Rotation,
    /// Somebody sends again what was recorded, also to a node that has restarted since.
    Replay,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Fault; 23] = [
        Fault::Crash,
        Fault::Move,
        Fault::PowerCut,
        Fault::Leave,
        Fault::MassRestart,
        Fault::Amnesia,
        Fault::ClockJump,
        Fault::SlowDisk,
        Fault::Partition,
        Fault::Deaf,
        Fault::Mute,
        Fault::Cuts,
        Fault::Firewall,
        Fault::Storm,
        Fault::Pause,
        Fault::Blocked,
        Fault::Slow,
        Fault::NameClash,
        Fault::AddressReuse,
        Fault::DnsLie,
        Fault::DnsFailure,
        Fault::Rotation,
        Fault::Replay,
    ];

    /// The kind in one word, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Crash => "crash",
            Fault::Move => "move",
            Fault::PowerCut => "power-cut",
            Fault::Leave => "leave",
            Fault::MassRestart => "mass-restart",
            Fault::Amnesia => "amnesia",
            Fault::ClockJump => "clock-jump",
            Fault::SlowDisk => "slow-disk",
            Fault::Partition => "partition",
            Fault::Deaf => "deaf",
            Fault::Mute => "mute",
            Fault::Cuts => "cuts",
            Fault::Firewall => "firewall",
            Fault::Storm => "storm",
            Fault::Pause => "pause",
            Fault::Blocked => "blocked",
            Fault::Slow => "slow",
            Fault::NameClash => "name-clash",
            Fault::AddressReuse => "address-reuse",
            Fault::DnsLie => "dns-lie",
            Fault::DnsFailure => "dns-failure",
            Fault::Rotation => "rotation",
            Fault::Replay => "replay",
        }
    }
}

impl std::str::FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Fault::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Fault::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("there is no fault {text:?}, but {}", known.join(", "))
        })
    }
}

/// A fault that has struck.
#[derive(Debug)]
pub struct Strike {
    /// Whom, in words.
    pub whom: String,
    /// What takes it back.
    pub undo: Undo,
}

/// What takes a fault back.
#[derive(Debug)]
pub enum Undo {
    /// Nodes run on these hosts again.
    Boot(Vec<usize>),
    /// These rules of the network are gone.
    Network(Vec<RuleId>),
    /// These processes get on as they should.
    Pace(Vec<usize>),
    /// The clocks of these hosts are right.
    Clock(Vec<usize>),
    /// The disks of these hosts are quick.
    Disk(Vec<usize>),
    /// These hosts are told the truth about the seeds.
    Dns(Vec<usize>),
    /// The impostor on this host is gone.
    Impostor(usize),
    /// Nothing has to be taken back.
    Nothing,
}

impl Undo {
    /// Whether what is to be taken back leaves the node on `host` alone, and whatever it is told and
    /// tells: others may have died, left or started meanwhile, or be told lies about seeds, and that is
    /// all.
    pub fn spares(&self, host: usize) -> bool {
        match self {
            Undo::Boot(hosts) | Undo::Clock(hosts) | Undo::Disk(hosts) | Undo::Dns(hosts) => {
                !hosts.contains(&host)
            }
            Undo::Impostor(_) => true,
            // One that is slow, or that not everything reaches, may take anybody for dead; and what
            // leaves nothing to take back was done to everybody.
            Undo::Network(_) | Undo::Pace(_) | Undo::Nothing => false,
        }
    }

    /// Takes it back.
    pub fn apply(self, world: &mut World) {
        match self {
            Undo::Boot(hosts) => {
                for host in hosts {
                    // It may be still saying its farewell, or something else has booted it.
                    world.crash(host);
                    world.boot(host);
                }
            }
            Undo::Network(rules) => rules.into_iter().for_each(|rule| world.network.remove(rule)),
            Undo::Pace(hosts) => {
                hosts.into_iter().for_each(|host| world.set_pace(host, Pace::Prompt));
            }
            Undo::Clock(hosts) => hosts.into_iter().for_each(|host| world.set_clock(host, 0)),
            Undo::Disk(hosts) => {
                hosts.into_iter().for_each(|host| world.set_disk(host, Duration::ZERO));
            }
            Undo::Dns(hosts) => {
                hosts.into_iter().for_each(|host| world.set_dns(host, Dns::Honest));
            }
            Undo::Impostor(host) => world.crash(host),
            Undo::Nothing => {}
        }
    }

    /// A time for it to last, from a blink to two minutes.
    pub fn after(world: &mut World) -> Duration {
        let scale = [200, 2_000, 20_000, 120_000][world.pick(4)];
        Duration::from_millis(1 + world.pick(scale) as u64)
    }
}
