//! The end of a destination: what can be sent is sent, what cannot is given to another node or
//! stays in the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{info, warn};

use super::{Destination, Left};
use crate::consignment::{Consignment, MAX_CONSIGNMENT, MAX_TRAVELLER};
use crate::peers::{Neighbours, Refused};
use crate::sender::now_ms;

/// How long to wait before frames are offered again that nobody took.
const OFFER_AGAIN: Duration = Duration::from_millis(500);

impl Destination {
    pub(super) async fn drain(mut self, drain: Duration) -> Left {
        self.ending = true;
        self.batches.close();
        while let Some(batch) = self.batches.recv().await {
            self.write(&batch);
        }
        self.seal();
        self.send_until(Instant::now() + drain).await;
        self.flying.shutdown().await;
        for flight in std::mem::take(&mut self.flights) {
            if let Some(log) = self.log_mut(flight.log) {
                log.put_back(flight.sequence);
            }
        }
        if let Some(neighbours) = self.neighbours.clone()
            && !self.hurry.is_cancelled()
            && !neighbours.hand_over.is_zero()
        {
            Box::pin(self.hand_over(&neighbours)).await;
        }
        self.own.give_up_unwritten(now_ms());
        self.sync_for_good().await;
        self.left()
    }

    /// Sends until everything has been sent or the time is over. Other nodes may ask meanwhile.
    async fn send_until(&mut self, deadline: Instant) {
        loop {
            self.send();
            // Something may be in flight that its log has given up.
            if self.flying.is_empty() && (self.is_empty() || !self.is_held_back()) {
                return;
            }
            let due = self.holds.due();
            tokio::select! {
                () = self.hurry.cancelled() => return,
                () = sleep_until(deadline) => return,
                Some(done) = self.flying.join_next_with_id() => self.settle(done),
                Some(answered) = self.holds.answered() => self.take_answer(answered),
                () = sleep_until(due.unwrap_or(deadline)), if due.is_some() => {}
                Some(ask) = self.asks.recv() => self.answer(ask),
            }
        }
    }

    /// Gives what is left to other nodes, and says to which.
    async fn hand_over(&mut self, neighbours: &Neighbours) {
        let mut given: BTreeMap<Arc<str>, Left> = BTreeMap::new();
        self.give(neighbours, &mut given).await;
        let endpoint = &self.config.name;
        for (node, Left { frames, samples, bytes }) in given {
            info!(endpoint, %node, frames, samples, bytes, "another node delivers what is left");
        }
    }

    /// Log by log, oldest frames first.
    async fn give(&mut self, neighbours: &Neighbours, given: &mut BTreeMap<Arc<str>, Left>) {
        let deadline = Instant::now() + neighbours.hand_over;
        let ids: Vec<u128> = self.logs().map(crate::log::Log::instance).collect();
        for id in ids {
            while let Some(batch) = self.export(id) {
                let (origin, log, route) = self.provenance(id);
                let consignment = Consignment {
                    destination: neighbours.destination.clone(),
                    origin,
                    giver: neighbours.node.clone(),
                    log,
                    route,
                    frames: batch.iter().map(|(_, frame)| frame.clone()).collect(),
                };
                let Some(heir) = self.offer(neighbours, consignment, deadline).await else {
                    return;
                };
                let left = given.entry(heir).or_default();
                for (meta, frame) in &batch {
                    left.frames += 1;
                    left.samples +=
                        u64::from(meta.counts.samples) + u64::from(meta.counts.histograms);
                    left.bytes += frame.len() as u64;
                }
                let metas: Vec<_> = batch.into_iter().map(|(meta, _)| meta).collect();
                if let Some(log) = self.log_mut(id) {
                    log.handed_over(&metas, now_ms());
                }
            }
        }
    }

    fn export(&mut self, id: u128) -> Option<Vec<(crate::log::FrameMeta, bytes::Bytes)>> {
        let endpoint = self.config.name.clone();
        match self.log_mut(id)?.export(MAX_CONSIGNMENT, MAX_TRAVELLER, now_ms()) {
            Ok(batch) => (!batch.is_empty()).then_some(batch),
            Err(error) => {
                warn!(endpoint, %error, "could not read what is to be handed over");
                None
            }
        }
    }

    /// Offers frames until somebody has them or the time is over; who has them.
    async fn offer(
        &mut self,
        neighbours: &Neighbours,
        consignment: Consignment,
        deadline: Instant,
    ) -> Option<Arc<str>> {
        let endpoint = self.config.name.clone();
        loop {
            let offered = neighbours.peers.adopt(consignment.clone());
            let taken = {
                let mut taken = std::pin::pin!(timeout_at(deadline, offered));
                loop {
                    tokio::select! {
                        taken = &mut taken => break taken,
                        Some(ask) = self.asks.recv() => self.answer(ask),
                    }
                }
            };
            match taken {
                Ok(Ok(heir)) => return Some(heir),
                Ok(Err(Refused { reason, is_transient: true }))
                    if Instant::now() + OFFER_AGAIN < deadline =>
                {
                    info!(endpoint, reason, "nobody takes the frames yet");
                    tokio::time::sleep(OFFER_AGAIN).await;
                }
                Ok(Err(Refused { reason, .. })) => {
                    info!(endpoint, reason, "nobody takes the frames that are left");
                    return None;
                }
                Err(_) => {
                    info!(endpoint, "nobody took the frames that are left in time");
                    return None;
                }
            }
        }
    }

    async fn sync_for_good(&mut self) {
        self.syncing.shutdown().await;
        while self.adopting.join_next().await.is_some() {}
        let works: Vec<_> = self.logs_mut().map(crate::log::Log::sync_work).collect();
        for work in works {
            match work {
                Ok(Some(work)) => drop(self.syncing.spawn_blocking(|| work.run())),
                Ok(None) => {}
                Err(error) => self.complain_of_sync(&error.to_string()),
            }
        }
        while let Some(done) = self.syncing.join_next().await {
            let problem = match done {
                Ok(written) => written.err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(problem) = problem {
                self.complain_of_sync(&problem);
            }
        }
    }

    fn left(&self) -> Left {
        let mut left = Left::default();
        for queued in self.logs().map(crate::log::Log::queued) {
            left.frames += queued.frames;
            left.samples += queued.samples + queued.histograms;
            left.bytes += queued.bytes;
        }
        left
    }
}
