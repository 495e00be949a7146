//! Logs of other nodes that this one sends in their place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{info, warn};
use xxhash_rust::xxh3::xxh3_64;

use super::Destination;
use crate::config::LogConfig;
use crate::consignment::Consignment;
use crate::handle::NotAdopted;
use crate::log::{Log, OpenError};
use crate::sender::now_ms;
use crate::telemetry::Telemetry;

/// The folder of replicas, within that of the destination's own log.
const FOLDER: &str = "adopted";
/// Who wrote the frames, who gave them and by which route, one a line.
const NAMES: &str = "origin";
/// Longest content of that file, in bytes.
const MAX_NAMES: u64 = 4096;

/// A log of frames that another node wrote.
#[derive(Debug)]
pub(super) struct Replica {
    /// Who wrote them.
    pub(super) origin: Arc<str>,
    giver: Arc<str>,
    /// Which of the giver's logs they come from.
    route: u64,
    /// Where they are, if that is for nothing else.
    folder: Option<PathBuf>,
    pub(super) log: Log,
}

impl Replica {
    /// Opens every replica that has been left here.
    pub(super) fn open_all(
        directory: &Path,
        config: &LogConfig,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Vec<Self>, OpenError> {
        let mut replicas = Vec::new();
        for path in folders(&directory.join(FOLDER)) {
            let Some((origin, giver, route)) = read_names(&path) else {
                // Its names are written before its first frame.
                warn!(path = %path.display(), "nothing was adopted here yet");
                continue;
            };
            let log = Log::open_replica(&path, 0, config.clone(), Arc::clone(telemetry))?;
            let replica = Self { origin, giver, route, folder: Some(path), log };
            if replica.is_done(config) {
                replica.remove();
                continue;
            }
            let (frames, Self { origin, giver, .. }) = (replica.log.queued().frames, &replica);
            info!(%origin, %giver, frames, "goes on with frames of another node");
            replicas.push(replica);
        }
        Ok(replicas)
    }

    /// Opens a log of this node that belonged to another configuration, where it is.
    pub(super) fn in_place(
        path: &Path,
        node: &Arc<str>,
        config: &LogConfig,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, OpenError> {
        let log = Log::open_replica(path, 0, config.clone(), Arc::clone(telemetry))?;
        // No consignment has this node for its giver.
        Ok(Self { origin: Arc::clone(node), giver: Arc::clone(node), route: 0, folder: None, log })
    }

    fn create(
        directory: &Path,
        consignment: &Consignment,
        config: &LogConfig,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, NotAdopted> {
        let Consignment { origin, giver, log: id, route, .. } = consignment;
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let readable: String = origin.chars().take(40).map(plain).collect();
        let names = [origin.as_bytes(), &[0], giver.as_bytes(), &[0], &route.to_le_bytes()];
        let hash = xxh3_64(&names.concat());
        let folder = directory.join(FOLDER);
        let path = folder.join(format!("{readable}-{hash:016x}-{id:032x}"));
        write_names(&folder, &path, origin, giver, *route).map_err(refused)?;
        let log = Log::open_replica(&path, *id, config.clone(), Arc::clone(telemetry));
        let log = log.map_err(refused)?;
        if log.id() != *id {
            return Err(NotAdopted::Log("another log is in its place".to_owned()));
        }
        let (origin, giver, route) = (Arc::clone(origin), Arc::clone(giver), *route);
        Ok(Self { origin, giver, route, folder: Some(path), log })
    }

    /// Whether all is delivered, and that so long ago that nobody gives any of it again.
    fn is_done(&self, config: &LogConfig) -> bool {
        let is_old = self.folder.as_ref().is_some_and(|path| is_older(path, config));
        self.log.is_empty() && !self.log.has_gates() && is_old
    }

    fn remove(self) {
        drop(self.log);
        if let Some(path) = self.folder
            && let Err(error) = fs::remove_dir_all(&path)
        {
            warn!(path = %path.display(), %error, "could not remove an adopted log");
        }
    }

    /// The route of what is given from here: see [`Consignment::route`].
    pub(super) fn way(&self) -> u64 {
        xxh3_64(&[self.giver.as_bytes(), &self.route.to_le_bytes()].concat())
    }

    fn is_of(&self, consignment: &Consignment) -> bool {
        self.log.id() == consignment.log
            && self.route == consignment.route
            && self.origin == consignment.origin
            && self.giver == consignment.giver
    }
}

impl Destination {
    /// Adopts frames; answers when they are on the disk.
    pub(super) fn adopt(
        &mut self,
        consignment: &Consignment,
        answer: oneshot::Sender<Result<(), NotAdopted>>,
    ) {
        match self.try_adopt(consignment) {
            Ok(work) => {
                self.adopting.spawn(async move {
                    let synced = tokio::task::spawn_blocking(|| work.run()).await;
                    // Who asked and went away asks again.
                    let _ = answer.send(match synced {
                        Ok(Ok(())) => Ok(()),
                        Ok(Err(error)) => Err(refused(error)),
                        Err(error) => Err(refused(error)),
                    });
                });
            }
            Err(error) => {
                let _ = answer.send(Err(error));
            }
        }
        self.publish_adopted();
    }

    fn try_adopt(&mut self, consignment: &Consignment) -> Result<crate::log::SyncWork, NotAdopted> {
        let bytes: u64 = self.adopted.iter().map(|replica| replica.log.queued().bytes).sum();
        let limit = self.config.log.max_bytes;
        if bytes >= limit {
            return Err(NotAdopted::Full { bytes, limit });
        }
        let known = self.adopted.iter().position(|replica| replica.is_of(consignment));
        let index = match known {
            Some(index) => index,
            None => {
                let (log, telemetry) = (&self.config.log, &self.telemetry);
                let made = Replica::create(&self.directory, consignment, log, telemetry)?;
                self.adopted.push(made);
                self.adopted.len() - 1
            }
        };
        let log = &mut self.adopted[index].log;
        for frame in &consignment.frames {
            log.adopt(frame, now_ms()).map_err(refused)?;
        }
        log.adoption_sync().map_err(refused)
    }

    /// Goes on with a log of this node that belonged to another configuration of the endpoint, and with
    /// what that had adopted.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn take_over(&mut self, directory: &Path) -> Result<(), OpenError> {
        let node = match &self.neighbours {
            Some(neighbours) => Arc::clone(&neighbours.node),
            None => Arc::from(""),
        };
        let replica = Replica::in_place(directory, &node, &self.config.log, &self.telemetry)?;
        let adopted = Replica::open_all(directory, &self.config.log, &self.telemetry)?;
        self.adopted.push(replica);
        self.adopted.extend(adopted);
        self.publish_adopted();
        Ok(())
    }

    /// Removes the logs of other nodes that are done with.
    pub(super) fn forget_adopted(&mut self) {
        let config = &self.config.log;
        for done in self.adopted.extract_if(.., |replica| replica.is_done(config)) {
            done.remove();
        }
    }

    pub(super) fn publish_adopted(&self) {
        let frames: u64 = self.adopted.iter().map(|replica| replica.log.queued().frames).sum();
        self.telemetry.adopted_frames.set(i64::try_from(frames).unwrap_or(i64::MAX));
    }
}

fn refused(error: impl std::fmt::Display) -> NotAdopted {
    NotAdopted::Log(error.to_string())
}

/// The logs of other nodes' frames that lie within the folder of a destination's own log.
pub(crate) fn replicas(directory: &Path) -> Vec<PathBuf> {
    let mut folders = folders(&directory.join(FOLDER));
    folders.retain(|folder| folder.join(NAMES).exists());
    folders
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// Writes the names so that they are either there or not, whatever happens meanwhile.
fn write_names(
    folder: &Path,
    path: &Path,
    origin: &str,
    giver: &str,
    route: u64,
) -> io::Result<()> {
    fs::create_dir_all(path)?;
    let fresh = path.join("origin.new");
    let mut file = fs::File::create(&fresh)?;
    io::Write::write_all(&mut file, format!("{origin}\n{giver}\n{route}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path.join(NAMES))?;
    fs::File::open(path)?.sync_all()?;
    fs::File::open(folder)?.sync_all()?;
    if let Some(parent) = folder.parent() {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn read_names(path: &Path) -> Option<(Arc<str>, Arc<str>, u64)> {
    let mut text = String::new();
    let file = fs::File::open(path.join(NAMES)).ok()?;
    io::Read::read_to_string(&mut io::Read::take(file, MAX_NAMES), &mut text).ok()?;
    let mut lines = text.split_terminator('\n');
    Some((lines.next()?.into(), lines.next()?.into(), lines.next()?.parse().ok()?))
}

/// Whether nothing has happened to a log for longer than anybody would give frames of it again.
fn is_older(path: &Path, config: &LogConfig) -> bool {
    let changed = fs::metadata(path.join("cursor")).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > config.max_age))
}
