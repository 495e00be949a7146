//! How each kind of fault comes about.

use std::time::Duration;

use super::{Carrier, Dns, Fault, Hosts, Pace, Role, Rule, Strike, Undo, World};

/// Clocks are wrong by minutes now and then, and rarely by a day.
const CLOCKS: [i64; 6] = [-86_400, -3_600, -5, 5, 3_600, 86_400];

/// How long a write takes on a disk that is busy, that has to spin up, that is about to fail.
const WRITES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_secs(2), Duration::from_secs(20)];

/// Within this time all nodes of a mass restart are back.
const MASS_RESTART: Duration = Duration::from_secs(10);

impl Fault {
    /// Lets it happen, if it can.
    pub fn strike(self, world: &mut World) -> Option<Strike> {
        let running = world.running();
        // Somebody has to be left to notice.
        if running.len() < 2 {
            return None;
        }
        let host = running[world.pick(running.len())];
        let name = world.population().name(host).to_string();
        let some = |world: &mut World| {
            let count = 1 + world.pick(running.len().div_ceil(3));
            world.pick_some(running.clone(), count)
        };
        let (whom, undo) = match self {
            Fault::Crash => {
                world.crash(host);
                (name, Undo::Boot(vec![host]))
            }
            Fault::Move => {
                world.crash(host);
                world.readdress(host);
                (name, Undo::Boot(vec![host]))
            }
            Fault::PowerCut => {
                world.cut_power(host);
                (name, Undo::Boot(vec![host]))
            }
            Fault::Leave => {
                world.leave(host);
                (name, Undo::Boot(vec![host]))
            }
            Fault::MassRestart => return Some(mass_restart(world, &running)),
            Fault::Amnesia => {
                world.crash(host);
                world.wipe(host);
                let clock = CLOCKS[world.pick(CLOCKS.len())];
                world.set_clock(host, 1000 * clock);
                (format!("{name}, clock {clock:+} s"), Undo::Boot(vec![host]))
            }
            Fault::ClockJump => {
                let some = some(world);
                let jump = CLOCKS[world.pick(CLOCKS.len())];
                some.iter().for_each(|host| world.set_clock(*host, 1000 * jump));
                (format!("{} nodes by {jump:+} s", some.len()), Undo::Clock(some))
            }
            Fault::SlowDisk => {
                let some = some(world);
                return Some(slow_disk(world, some));
            }
            Fault::Partition => {
                let count = 1 + world.pick(running.len() - 1);
                let island = world.pick_some(running.clone(), count);
                let rules = world.network.part(island);
                (format!("{count} nodes"), Undo::Network(rules.to_vec()))
            }
            Fault::Deaf | Fault::Mute => {
                let one: Hosts = [host].into_iter().collect();
                let rule = match self {
                    Fault::Deaf => Rule::closed(one.others(), one),
                    _ => Rule::closed(one.clone(), one.others()),
                };
                (name, Undo::Network(vec![world.network.add(rule)]))
            }
            Fault::Cuts => return Some(cuts(world, &running)),
            Fault::Firewall => {
                let some = some(world);
                let carrier = [Carrier::Datagrams, Carrier::Streams][world.pick(2)];
                let whom = format!("{carrier:?} of {} nodes", some.len());
                let some: Hosts = some.into_iter().collect();
                let there = Rule { carrier, ..Rule::closed(some.clone(), some.others()) };
                let back = Rule { carrier, ..Rule::closed(some.others(), some) };
                (whom, Undo::Network([there, back].map(|rule| world.network.add(rule)).to_vec()))
            }
            Fault::Storm => return Some(storm(world, some)),
            Fault::Pause | Fault::Blocked | Fault::Slow => {
                let some = some(world);
                let pace = match self {
                    Fault::Pause => Pace::Stopped,
                    Fault::Blocked => Pace::Blocked,
                    _ => Pace::Slow(Duration::from_millis([2, 20, 100][world.pick(3)])),
                };
                some.iter().for_each(|host| world.set_pace(*host, pace));
                (format!("{} nodes, {pace:?}", some.len()), Undo::Pace(some))
            }
            Fault::NameClash => {
                let impostor = world.add_host(&name, Role::Impostor);
                world.boot(impostor);
                (name, Undo::Impostor(impostor))
            }
            Fault::AddressReuse => return address_reuse(world, host),
            Fault::Rotation => {
                if !world.rotate() {
                    return None;
                }
                ("all".to_owned(), Undo::Nothing)
            }
            Fault::Replay => {
                let restarts = world.pick(2) == 0;
                if !world.replay(restarts.then_some(host)) {
                    return None;
                }
                if restarts {
                    world.crash(host);
                    world.boot(host);
                }
                let whom =
                    if restarts { format!("{name}, which restarts") } else { "all".to_owned() };
                (whom, Undo::Nothing)
            }
            Fault::DnsLie => {
                let some = some(world);
                return Some(dns_lie(world, some));
            }
            Fault::DnsFailure => {
                let some = some(world);
                return Some(misled(world, some, "one seed and failures", &Dns::Partly));
            }
        };
        Some(Strike { whom, undo })
    }
}

fn slow_disk(world: &mut World, hosts: Vec<usize>) -> Strike {
    let takes = WRITES[world.pick(WRITES.len())];
    let restarts = world.pick(2) == 0;
    for host in &hosts {
        world.set_disk(*host, takes);
        if restarts {
            world.crash(*host);
            world.boot(*host);
        }
    }
    let restart = if restarts { ", which restart" } else { "" };
    Strike { whom: format!("{} nodes, {takes:?}{restart}", hosts.len()), undo: Undo::Disk(hosts) }
}

fn mass_restart(world: &mut World, running: &[usize]) -> Strike {
    let count = running.len() - world.pick(1 + running.len() / 4);
    let mut some = world.pick_some(running.to_vec(), count);
    let from = world.now();
    let mut at: Vec<Duration> =
        some.iter().map(|_| MASS_RESTART.mul_f64(world.pick(1_000_000) as f64 / 1e6)).collect();
    at.sort_unstable();
    for (host, at) in some.iter().zip(at) {
        world.run_until(from + at);
        world.crash(*host);
        world.readdress(*host);
        world.boot(*host);
    }
    some.sort_unstable();
    Strike { whom: format!("{count} nodes"), undo: Undo::Nothing }
}

/// Pairs that do not reach each other, one way or both.
fn cuts(world: &mut World, running: &[usize]) -> Strike {
    let count = 1 + world.pick(running.len());
    let mut rules = Vec::new();
    for _ in 0..count {
        let pair = world.pick_some(running.to_vec(), 2);
        let (from, to) = (Hosts::from_iter([pair[0]]), Hosts::from_iter([pair[1]]));
        if world.pick(2) == 0 {
            rules.push(world.network.add(Rule::closed(to.clone(), from.clone())));
        }
        rules.push(world.network.add(Rule::closed(from, to)));
    }
    Strike { whom: format!("{count} pairs"), undo: Undo::Network(rules) }
}

fn storm(world: &mut World, some: impl Fn(&mut World) -> Vec<usize>) -> Strike {
    let hosts = some(world);
    let share = |world: &mut World| [0.0, 0.05, 0.3][world.pick(3)];
    let (loss, duplication) = (share(world), share(world));
    let delay = Duration::from_millis([0, 20, 300][world.pick(3)]);
    let whom = format!("{} nodes, loss {loss}, doubles {duplication}, {delay:?}", hosts.len());
    let hosts: Hosts = hosts.into_iter().collect();
    let rule = Rule { loss, duplication, delay, ..Rule::open() };
    let rules = vec![
        world.network.add(Rule { from: hosts.clone(), ..rule.clone() }),
        world.network.add(Rule { to: hosts, ..rule }),
    ];
    Strike { whom, undo: Undo::Network(rules) }
}

fn address_reuse(world: &mut World, host: usize) -> Option<Strike> {
    let neighbours: Vec<usize> = (0..world.hosts())
        .filter(|host| world.population().role(*host) == Role::Neighbour)
        .collect();
    if neighbours.is_empty() {
        return None;
    }
    let other = neighbours[world.pick(neighbours.len())];
    world.crash(host);
    world.crash(other);
    world.swap_addresses(host, other);
    world.boot(host);
    world.boot(other);
    let population = world.population();
    let whom = format!("{} and {}", population.name(host), population.name(other));
    Some(Strike { whom, undo: Undo::Nothing })
}

fn dns_lie(world: &mut World, hosts: Vec<usize>) -> Strike {
    let honest = world.seeds_of(Role::Member);
    let (what, dns) = match world.pick(5) {
        0 => ("nothing", Dns::Empty),
        1 => ("failures", Dns::Failing),
        2 => ("one seed", Dns::Lying(honest.into_iter().take(1).collect())),
        // What these stand for now is of no interest, or will be soon.
        3 => ("seeds of others", Dns::Lying(world.seeds_of(Role::Neighbour))),
        _ => ("what is true now, for long", Dns::Lying(honest)),
    };
    misled(world, hosts, what, &dns)
}

/// Lets the name server say `what` to `hosts`, which may restart.
fn misled(world: &mut World, hosts: Vec<usize>, what: &str, dns: &Dns) -> Strike {
    let restarts = world.pick(2) == 0;
    for host in &hosts {
        world.set_dns(*host, dns.clone());
        if restarts {
            world.crash(*host);
            world.boot(*host);
        }
    }
    let restart = if restarts { ", which restart" } else { "" };
    Strike { whom: format!("{what} to {} nodes{restart}", hosts.len()), undo: Undo::Dns(hosts) }
}
