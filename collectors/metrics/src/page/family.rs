//! The metric family that the reader is in.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex};

use model::{Family, MetricKind};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Escapes;
use crate::parse::{LabelList, parse_series, unescape, unescape_help};

#[cfg(test)]
mod tests;

/// Hashes what is a hash already.
#[derive(Debug, Default, Clone)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(crate) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// Families that several targets share, by what they say.
///
/// Targets of one job say the same of their families, so that a family takes memory once. Looked
/// at only for families that the last page of the target did not have.
#[derive(Debug, Default)]
pub(crate) struct Families(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_hash: ByHash<Arc<Family>>,
    /// How many there may be before those that nobody uses are thrown out.
    sweep_at: usize,
}

/// Below this the table is never swept.
const SWEEP_FLOOR: usize = 1024;

impl Families {
    fn intern(&self, hash: u64, make: impl FnOnce() -> Family) -> Arc<Family> {
        let mut table = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(family) = table.by_hash.get(&hash) {
            return family.clone();
        }
        if table.by_hash.len() >= table.sweep_at {
            table.by_hash.retain(|_, family| Arc::strong_count(family) > 1);
            table.sweep_at = (table.by_hash.len() * 2).max(SWEEP_FLOOR);
        }
        let family = Arc::new(make());
        table.by_hash.insert(hash, family.clone());
        family
    }
}

/// What the page has said of the current family.
#[derive(Debug, Default)]
pub(super) struct FamilyReader {
    name: String,
    help: String,
    unit: String,
    kind: MetricKind,
    /// Metadata was read since the family was last asked for.
    changed: bool,
    current: Option<Arc<Family>>,
    scratch: Vec<u8>,
    /// Families of this page so far.
    cursor: usize,
    /// Families of this page, once they differ from those of the page before.
    differing: Option<Vec<(u64, Arc<Family>)>>,
}

impl FamilyReader {
    /// Metadata may come in several pieces, even around samples: what the same family said before
    /// stays.
    fn enter(&mut self, name: &str) {
        if self.name != name {
            self.name.clear();
            self.name.push_str(name);
            self.help.clear();
            self.unit.clear();
            self.kind = MetricKind::Unknown;
        }
        self.changed = true;
    }

    pub(super) fn help(&mut self, name: &str, help: &str) {
        self.enter(name);
        self.help.clear();
        self.help.push_str(help);
    }

    pub(super) fn kind_of(&mut self, name: &str, kind: MetricKind) {
        self.enter(name);
        self.kind = kind;
    }

    pub(super) fn unit(&mut self, name: &str, unit: &str) {
        self.enter(name);
        self.unit.clear();
        self.unit.push_str(unit);
    }

    /// The name of the family, as on the page.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The last type.
    pub(super) fn kind(&self) -> MetricKind {
        self.kind
    }

    /// What makes the labels of a text differ from those of the same text in another family.
    pub(super) fn salt(&self, type_and_unit: bool) -> u64 {
        let kind = (self.kind as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if type_and_unit {
            kind ^ xxh3_64_with_seed(self.unit.as_bytes(), xxh3_64(self.name.as_bytes()))
        } else {
            kind
        }
    }

    /// The family of a series, if it belongs to the current one.
    pub(super) fn of(
        &mut self,
        series: &str,
        known: &[(u64, Arc<Family>)],
        families: &Families,
        escapes: Escapes,
    ) -> Option<&Arc<Family>> {
        if self.changed {
            self.changed = false;
            self.resolve(known, families, escapes);
        }
        self.current.as_ref().filter(|family| belongs(series, family))
    }

    fn resolve(&mut self, known: &[(u64, Arc<Family>)], families: &Families, escapes: Escapes) {
        self.scratch.clear();
        for part in [&self.name, &self.help, &self.unit] {
            self.scratch.extend_from_slice(part.as_bytes());
            self.scratch.push(0);
        }
        let hash = xxh3_64_with_seed(&self.scratch, self.kind as u64 + 16 * escapes as u64);
        let family = match known.get(self.cursor) {
            Some((known, family)) if *known == hash && self.differing.is_none() => family.clone(),
            _ => {
                let family = families.intern(hash, || self.family(escapes));
                self.differing
                    .get_or_insert_with(|| known[..self.cursor].to_vec())
                    .push((hash, family.clone()));
                family
            }
        };
        self.cursor += 1;
        self.current = Some(family);
    }

    fn family(&self, escapes: Escapes) -> Family {
        let (name, help) = match escapes {
            Escapes::Prometheus => (unescape(&self.name), unescape_help(&self.help)),
            Escapes::OpenMetrics => (unescape(&self.name), unescape(&self.help)),
            Escapes::None => (self.name.as_str().into(), self.help.as_str().into()),
        };
        Family {
            name: name.into(),
            kind: self.kind,
            help: help.into(),
            unit: self.unit.as_str().into(),
        }
    }

    /// The families of the page, if they are not those of the page before.
    pub(super) fn finish(
        &mut self,
        known: &[(u64, Arc<Family>)],
    ) -> Option<Vec<(u64, Arc<Family>)>> {
        match self.differing.take() {
            None if self.cursor < known.len() => Some(known[..self.cursor].to_vec()),
            differing => differing,
        }
    }
}

/// Whether a series is one of a family: it has the family's name, with a suffix where the type has
/// suffixes.
#[inline]
pub(super) fn belongs(series: &str, family: &Family) -> bool {
    if series.starts_with('{') {
        let mut labels = LabelList::new();
        return parse_series(series, &mut labels).is_ok_and(|name| {
            belongs_by_suffix(unescape(name).strip_prefix(&*family.name), family)
        });
    }
    let rest = series.strip_prefix(&*family.name);
    let rest = rest.map(|rest| match rest.bytes().position(|b| matches!(b, b'{' | b' ' | b'\t')) {
        Some(end) => &rest[..end],
        None => rest,
    });
    belongs_by_suffix(rest, family)
}

fn belongs_by_suffix(suffix: Option<&str>, family: &Family) -> bool {
    let Some(suffix) = suffix else { return false };
    suffix.is_empty()
        || match family.kind {
            MetricKind::Counter => suffix == "_total",
            MetricKind::Histogram => matches!(suffix, "_bucket" | "_sum" | "_count"),
            MetricKind::GaugeHistogram => matches!(suffix, "_bucket" | "_gsum" | "_gcount"),
            MetricKind::Summary => matches!(suffix, "_sum" | "_count"),
            MetricKind::Info => suffix == "_info",
            MetricKind::Unknown | MetricKind::Gauge | MetricKind::StateSet => false,
        }
}
