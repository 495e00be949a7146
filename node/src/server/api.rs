//! What programs ask: Alloy's JSON under `/api/v0`, Shoal's own under `/api/v1`.

pub(super) mod audit;
pub(super) mod check;
pub(super) mod cluster;
pub(super) mod component;
mod everybody;
pub(super) mod explain;
pub(super) mod moves;
pub(super) mod search;
pub(super) mod status;
pub(super) mod targets;
pub(super) mod web;
pub(super) mod what_if;
