//! From the list of targets to keys: what there is to collect, and what cannot be.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use metrics::{ScrapeConfig, ScrapeTarget, prepare};
use model::Labels;
use ownership::Key;
use syntax::json::Body;
use syntax::{IntoValue, Value};

use crate::cluster::Announced;
use crate::components::targets::Memo;

/// Refused targets that debug information names; the rest is counted.
const NAMED: usize = 100;

/// The targets that a component knows, by key. Only what is announced is kept of them; a target
/// is prepared again when this node collects it.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    memo: Memo<Result<Announced, Arc<str>>>,
    targets: BTreeMap<Key, Labels>,
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
        (snapshot.into(), refused)
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
    Ok(Announced {
        key: Key::of(component, target.identity()),
        url: target.url.to_string().into(),
        labels: target.labels,
        interval: u64::try_from(target.interval.as_millis()).ok().and_then(NonZeroU64::new),
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
