//! Tailing: a container becomes lines.
//!
//! A container moves from node to node as `model::Seal` says. Its position, which is the time of the last
//! line that is in the durable queue and how many lines of that time, is the payload; `last_tick` is that
//! time. Whoever starts one reads on behind the position of the seal it is given. Whoever is told to stop
//! with a seal wanted first ends the read under way and puts its lines into the queue. While it reads, it
//! puts the seal of each container whose position has changed into its checkpoints, so that a crash costs
//! reading again at most what came since the last one.
