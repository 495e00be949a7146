//! What the system lets the process have.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Below this a node of the size that people run comes to its end: ten thousand targets are as many
/// connections.
const FEW_FILES: u64 = 16_384;

/// Raises the number of files and sockets that may be open to what the system allows this process
/// at most. Many systems start at 1,024, which is a limit for programs that use `select`; nothing
/// here does.
pub(super) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let (before, most) = (limit.current, limit.maximum);
    if before != most {
        limit.current = most;
        match setrlimit(Resource::Nofile, limit) {
            Ok(()) => debug!(before, now = most, "raised the limit of open files"),
            Err(error) => warn!(%error, before, most, "the limit of open files stays as it is"),
        }
    }
    // `None` is no limit.
    if let Some(now) = getrlimit(Resource::Nofile).current.filter(|now| *now < FEW_FILES) {
        warn!(
            now,
            "few files may be open: every target that is collected here needs one; raise the hard \
             limit (LimitNOFILE= of systemd, ulimit -n of a shell)"
        );
    }
}
