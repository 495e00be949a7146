//! Real processes: nodes of Shoal, and the programs it is measured against and works with.
//!
//! No child outlives who started it. A node watches its standard input and leaves when that ends;
//! other programs are started so that the kernel kills them with their parent. A [`Child`] that is
//! dropped is killed at once.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod child;
mod cluster;
pub mod http;
mod node;
mod port;
pub mod real;
mod switch;
#[cfg(test)]
mod tests;
mod wait;

pub use child::{Child, Usage};
pub use cluster::{Cluster, NODE_NAME, Setup, TARGETS_URL, WRITE_URL};
pub use node::{Node, NodeSetup};
pub use port::free_port;
pub use switch::{Carrier, Switch};
pub use wait::eventually;

/// What everything that a run starts has in common: tasks, the token that ends them, a folder.
#[derive(Debug)]
pub struct World {
    /// Every task of this process.
    pub tasks: TaskTracker,
    /// Ends them.
    pub cancel: CancellationToken,
    folder: tempfile::TempDir,
}

impl World {
    /// A world with a folder of its own, which is removed with it.
    ///
    /// # Errors
    ///
    /// When there is no room for temporary files.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("shoal-testnet-").tempdir()?;
        Ok(Self { tasks: TaskTracker::new(), cancel: CancellationToken::new(), folder })
    }

    /// What no other world on this machine is called, for its cluster. A port that one world has done
    /// with is soon another's, and whoever remembers it would find nodes of its own names there.
    pub fn name(&self) -> String {
        let name = self.folder.path().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// A folder in the world's folder, made if it is not there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Ends all tasks and waits for them.
    pub async fn end(self) {
        self.cancel.cancel();
        self.tasks.close();
        let patience = Duration::from_secs(5);
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "tasks did not end in time");
        }
    }
}
