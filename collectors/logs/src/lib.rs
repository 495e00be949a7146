//! Tailing: a container becomes lines.
