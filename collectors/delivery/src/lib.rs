//! The durable queue, and a sender per wire protocol.
