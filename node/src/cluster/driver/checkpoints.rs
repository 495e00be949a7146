//! Checkpoints on their way to deputies, and to disk.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ownership::handover::{CLAIM_TIMEOUT, Checkpoints, QuestionError};
use tokio::task;
use tracing::{debug, warn};

use super::{Driver, Errand};
use crate::cluster::CHECKPOINT_PATH;

/// The rhythm of checkpoints: what a crash loses of a position at most, besides the detection.
pub const EVERY: Duration = Duration::from_secs(5);

/// What no [`Checkpoints::changes`] is.
const NEVER: u64 = u64::MAX;

/// The longest answer to a checkpoint, in bytes.
const ANSWER: usize = 1024;

/// When checkpoints are due, and where they are kept.
#[derive(Debug)]
pub(in crate::cluster) struct Rhythm {
    next: Instant,
    shelf: Arc<Shelf>,
    /// What is on disk or on its way there, by [`Checkpoints::changes`].
    saved: u64,
    /// Whether a write is under way.
    pub(super) writing: Option<task::Id>,
}

/// The file in which checkpoints are kept.
#[derive(Debug)]
struct Shelf {
    file: PathBuf,
    /// Which state was written last, so that none takes the place of a later one.
    written: Mutex<u64>,
}

impl Rhythm {
    /// Checkpoints are kept below `storage`.
    pub(in crate::cluster) fn new(storage: &Path, now: Instant) -> Self {
        let file = storage.join("cluster").join("checkpoints");
        let shelf = Arc::new(Shelf { file, written: Mutex::new(0) });
        Self { next: now + EVERY, shelf, saved: 0, writing: None }
    }

    /// When the next are due.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// What was kept by an earlier life of this node; nothing when that cannot be read.
    pub(in crate::cluster) fn load(&mut self) -> Checkpoints {
        let checkpoints = self.shelf.read(Instant::now());
        self.saved = checkpoints.changes();
        checkpoints
    }
}

impl Shelf {
    fn read(&self, now: Instant) -> Checkpoints {
        let saved = match std::fs::read(&self.file) {
            Ok(saved) => saved,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Checkpoints::default(),
            Err(error) => {
                warn!(file = %self.file.display(), %error, "cannot read checkpoints");
                return Checkpoints::default();
            }
        };
        Checkpoints::restore(&saved, now).unwrap_or_else(|error| {
            warn!(file = %self.file.display(), %error, "checkpoints are broken, and left aside");
            Checkpoints::default()
        })
    }

    /// Replaces the file so that either the old or the new text is there, whatever happens; not by a state
    /// that is older than the one that it has.
    fn write(&self, checkpoints: &Checkpoints) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = checkpoints.changes();
        if changes < *written {
            return Ok(());
        }
        let directory = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory)?;
        let beside = self.file.with_extension("new");
        let mut new = std::fs::File::create(&beside)?;
        io::Write::write_all(&mut new, &checkpoints.save())?;
        new.sync_all()?;
        std::fs::rename(&beside, &self.file)?;
        std::fs::File::open(directory)?.sync_all()?;
        *written = changes;
        Ok(())
    }
}

impl Driver {
    /// Sends what collectors have checkpointed since the last time, and saves what came from others, and what
    /// of it was used.
    pub(super) fn keep_rhythm(&mut self) {
        let now = Instant::now();
        if self.rhythm.next > now {
            return;
        }
        self.rhythm.next = now + EVERY;
        let mut left_out = 0;
        for (component, seals) in self.subscribers.checkpoints() {
            left_out += self.core.checkpoint(&component, seals);
        }
        left_out += self.core.send_checkpoints(now);
        if left_out > 0 {
            self.measures.checkpoints_left_out(left_out);
            warn!(left_out, "checkpoints are too long, or too many");
        }
        self.act();
        let changes = self.core.checkpoints().changes();
        if changes != self.rhythm.saved && self.rhythm.writing.is_none() {
            self.rhythm.saved = changes;
            // To put all of it into one text takes long enough to be in the way of probes.
            let (shelf, kept) = (Arc::clone(&self.rhythm.shelf), self.core.checkpoints().clone());
            let write = move || Errand::Saved(shelf.write(&kept));
            self.rhythm.writing = Some(self.errands.spawn_blocking(write).id());
        }
    }

    /// Saves what came from others for the next start. Blocks, at the end only.
    pub(super) fn save_for_good(&self) {
        let (checkpoints, rhythm) = (self.core.checkpoints(), &self.rhythm);
        // What is being written now may fail, and nobody would hear of it.
        if checkpoints.changes() == rhythm.saved && rhythm.writing.is_none() {
            return;
        }
        if let Err(error) = rhythm.shelf.write(checkpoints) {
            warn!(file = %rhythm.shelf.file.display(), %error, "cannot keep checkpoints");
        }
    }

    pub(super) fn saved(&mut self, written: io::Result<()>) {
        self.rhythm.writing = None;
        if let Err(error) = written {
            warn!(file = %self.rhythm.shelf.file.display(), %error, "cannot keep checkpoints");
            // Tried again at the next beat.
            self.rhythm.saved = NEVER;
        }
    }

    /// A task panicked, maybe the one that writes: nobody would write again.
    pub(super) fn lost_by_rhythm(&mut self, error: &task::JoinError) {
        if self.rhythm.writing == Some(error.id()) {
            self.saved(Err(io::Error::other(error.to_string())));
        }
    }

    /// Another node sends checkpoints.
    pub(super) fn keep(&mut self, body: &[u8]) -> Result<(), QuestionError> {
        self.core.handle_checkpoints(body, Instant::now())
    }

    pub(super) fn send_checkpoint(&mut self, to: SocketAddr, body: Bytes) {
        let peers = Arc::clone(&self.peers);
        self.errands.spawn(async move {
            let sent = peers.post(to, CHECKPOINT_PATH, body, ANSWER, CLAIM_TIMEOUT).await;
            if let Err(error) = &sent {
                debug!(peer = %to, %error, "a checkpoint did not arrive");
            }
            Errand::Checkpointed { to, result: sent.map(|_| ()) }
        });
    }
}
