//! What goes wrong, and when: drawn from the seed.

use std::time::Duration;

use super::World;

/// A kind of fault, or of planned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process ends without a word and comes back later.
    Crash,
    /// The same, and it comes back at another address.
    Move,
    /// A node leaves and comes back later.
    Leave,
    /// Some nodes hear only each other for a while.
    Partition,
    /// One node hears nobody, but is heard.
    Deaf,
}

/// All kinds.
const ALL: [Fault; 5] = [Fault::Crash, Fault::Move, Fault::Leave, Fault::Partition, Fault::Deaf];

impl Fault {
    /// The kind in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Crash => "crash",
            Fault::Move => "crash and move",
            Fault::Leave => "leave",
            Fault::Partition => "partition",
            Fault::Deaf => "deafness",
        }
    }

    /// A random half of all kinds, so that rare combinations occur; at least one.
    pub fn swarm(world: &mut World) -> Vec<Fault> {
        let mut kinds: Vec<Fault> = ALL.into_iter().filter(|_| world.pick(2) == 0).collect();
        if kinds.is_empty() {
            kinds.push(ALL[world.pick(ALL.len())]);
        }
        kinds
    }

    /// Lets it happen; to whom, in words, and what undoes it.
    pub fn strike(self, world: &mut World) -> Option<(String, Undo)> {
        let running = world.running();
        // Somebody has to be left to notice.
        if running.len() < 2 {
            return None;
        }
        let host = running[world.pick(running.len())];
        let name = format!("node-{host}");
        match self {
            Fault::Crash => {
                world.crash(host);
                Some((name, Undo::Boot(host)))
            }
            Fault::Move => {
                world.crash(host);
                world.readdress(host);
                Some((name, Undo::Boot(host)))
            }
            Fault::Leave => {
                world.leave(host);
                Some((name, Undo::Boot(host)))
            }
            Fault::Partition => {
                let count = 1 + world.pick(running.len() - 1);
                let mut island: Vec<usize> = running;
                for index in (1..island.len()).rev() {
                    island.swap(index, world.pick(index + 1));
                }
                island.truncate(count);
                world.network.part(island);
                Some((format!("{count} nodes"), Undo::Heal))
            }
            Fault::Deaf => {
                for other in running.into_iter().filter(|other| *other != host) {
                    world.network.cut(other, host);
                }
                Some((name, Undo::Heal))
            }
        }
    }
}

/// What undoes a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// The node on this host boots again.
    Boot(usize),
    /// The network is whole again.
    Heal,
}

impl Undo {
    /// Undoes it.
    pub fn apply(self, world: &mut World) {
        match self {
            Undo::Boot(host) => {
                if world.core(host).is_some() {
                    // It is still saying its farewell.
                    world.crash(host);
                }
                world.boot(host);
            }
            Undo::Heal => world.network.heal(),
        }
    }

    /// A time for it to last, from a blink to two minutes.
    pub fn after(world: &mut World) -> Duration {
        let scale = [200, 2_000, 20_000, 120_000][world.pick(4)];
        Duration::from_millis(1 + world.pick(scale) as u64)
    }
}
