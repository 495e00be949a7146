//! From the list of targets to keys: what there is to collect, and what cannot be.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use metrics::{ScrapeConfig, ScrapeTarget, prepare};
use model::Labels;
use ownership::Key;
use syntax::json::Body;
use syntax::{IntoValue, Value};
use tokio::time::Instant;

use crate::cluster::Announced;
use crate::components::targets::Memo;

/// Refused targets that debug information names; the rest is counted.
const NAMED: usize = 100;

/// How long a target that has gone is remembered: longer than a collector has for its seal, and a claim
/// until it is given up.
const DEPARTED_FOR: Duration = Duration::from_secs(60);

/// Targets that are remembered so. As many may change hands at once on a node that is as large as we
/// recommend; what is beyond ends without a word, as after a crash.
const DEPARTED: usize = 65_536;

/// The targets that a component knows, by key. Only what is announced is kept of them; a target
/// is prepared again when this node collects it.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    memo: Memo<Result<Announced, Arc<str>>>,
    targets: BTreeMap<Key, Labels>,
    /// What was announced last.
    announced: Arc<[Announced]>,
    /// What discovery has taken back lately, and when: should it have been changing hands then, whoever gets
    /// the seal ends its series, and has to know which those about the target are.
    departed: BTreeMap<Key, (Announced, Instant)>,
}

/// What is not collected though it was given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Refused {
    /// Targets that cannot be scraped, and why.
    broken: Vec<(Labels, Arc<str>)>,
    broken_count: usize,
    /// Targets that are the same as another one.
    doubles: Vec<Announced>,
    double_count: usize,
}

impl Inventory {
    /// Takes a list over. Targets with the same key are one: they would be requested and written
    /// in the same way.
    pub(super) fn take(
        &mut self,
        component: &str,
        targets: &Arc<[Labels]>,
        config: &ScrapeConfig,
        now: Instant,
    ) -> (Arc<[Announced]>, Refused) {
        let announced = self.memo.map(targets, |labels| announce(component, labels, config));
        let mut known = BTreeMap::new();
        let mut snapshot = Vec::with_capacity(announced.len());
        let mut refused = Refused::default();
        for (labels, announced) in targets.iter().zip(announced) {
            match announced {
                Err(why) => refused.broken(labels, why),
                Ok(target) if known.contains_key(&target.key) => refused.double(target),
                Ok(target) => {
                    known.insert(target.key, labels.clone());
                    snapshot.push(target.clone());
                }
            }
        }
        self.targets = known;
        let snapshot: Arc<[Announced]> = snapshot.into();
        let before = std::mem::replace(&mut self.announced, Arc::clone(&snapshot));
        self.depart(&before, now);
        (snapshot, refused)
    }

    fn depart(&mut self, before: &[Announced], now: Instant) {
        let known = &self.targets;
        self.departed.retain(|key, (_, at)| now < *at + DEPARTED_FOR && !known.contains_key(key));
        for target in before.iter().filter(|target| !known.contains_key(&target.key)) {
            if self.departed.len() < DEPARTED {
                self.departed.insert(target.key, (target.clone(), now));
            }
        }
    }

    /// A target that discovery has taken back lately, as far as it takes to end it.
    pub(super) fn departed(&self, key: Key) -> Option<Arc<ScrapeTarget>> {
        let (target, _) = self.departed.get(&key)?;
        let interval = Duration::from_millis(target.interval?.get());
        let (url, labels) = (target.url.parse().ok()?, target.labels.clone());
        Some(Arc::new(ScrapeTarget { url, labels, interval, timeout: interval }))
    }

    /// Forgets what was computed: the configuration has changed.
    pub(super) fn forget(&mut self) {
        self.memo.clear();
    }

    /// What discovery says of a target.
    pub(super) fn labels(&self, key: Key) -> Option<&Labels> {
        self.targets.get(&key)
    }

    /// A target, ready to be scraped; none if it is not known any more.
    pub(super) fn target(&self, key: Key, config: &ScrapeConfig) -> Option<Arc<ScrapeTarget>> {
        // It could be prepared when it was announced.
        prepare(self.targets.get(&key)?, config).ok().map(Arc::new)
    }
}

fn announce(
    component: &str,
    labels: &Labels,
    config: &ScrapeConfig,
) -> Result<Announced, Arc<str>> {
    let target = prepare(labels, config).map_err(|error| error.to_string())?;
    let millis = |time: Duration| u64::try_from(time.as_millis()).ok().and_then(NonZeroU64::new);
    Ok(Announced {
        key: Key::of(component, target.identity()),
        url: target.url.to_string().into(),
        labels: target.labels,
        interval: millis(target.interval),
        timeout: millis(target.timeout),
    })
}

impl Refused {
    fn broken(&mut self, labels: &Labels, why: &Arc<str>) {
        self.broken_count += 1;
        if self.broken.len() < NAMED {
            self.broken.push((labels.clone(), Arc::clone(why)));
        }
    }

    fn double(&mut self, target: &Announced) {
        self.double_count += 1;
        if self.doubles.len() < NAMED {
            self.doubles.push(target.clone());
        }
    }

    /// How many cannot be scraped, and how many are the same as another.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.broken_count, self.double_count)
    }

    /// Appends itself to debug information.
    pub(super) fn show(&self, body: &mut Body) {
        if self.broken_count > 0 {
            body.attribute("dropped_targets", &self.broken_count.to_value());
        }
        if self.double_count > 0 {
            body.attribute("duplicate_targets", &self.double_count.to_value());
        }
        for (labels, why) in &self.broken {
            let mut block = Body::new();
            block.attribute("labels", &super::object(labels));
            block.attribute("error", &Value::string(why));
            body.block("dropped_target", None, block);
        }
        for target in &self.doubles {
            let mut block = Body::new();
            block.attribute("url", &Value::string(&target.url));
            block.attribute("labels", &super::object(&target.labels));
            body.block("duplicate_target", None, block);
        }
    }
}
