//! Log lines: one a line on standard error, level and format changeable while the process runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use serde::Deserialize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::{Layer, Registry, reload};

use super::clock;

mod line;
#[cfg(test)]
mod tests;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Everything.
    Debug,
    /// What an operator wants to read.
    #[default]
    Info,
    /// What may become a problem.
    Warn,
    /// What is a problem.
    Error,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// What the `logging` block of the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Logging {
    /// How much is said.
    pub level: Level,
    /// How a line is written.
    pub format: Format,
}

/// Changes level and format of a running process.
#[derive(Debug, Clone)]
pub struct Control {
    level: reload::Handle<LevelFilter, Registry>,
    format: Arc<AtomicU8>,
}

impl Control {
    /// Makes `logging` true for every line from now on.
    pub fn apply(&self, logging: Logging) {
        self.format.store(logging.format as u8, Ordering::Relaxed);
        let filter = match logging.level {
            Level::Debug => LevelFilter::DEBUG,
            Level::Info => LevelFilter::INFO,
            Level::Warn => LevelFilter::WARN,
            Level::Error => LevelFilter::ERROR,
        };
        // It fails only when the subscriber is gone, and with it everybody who would listen.
        let _ = self.level.reload(filter);
    }
}

/// A subscriber that writes lines to `out`, and what changes it later.
pub fn subscriber<W>(logging: Logging, out: W) -> (impl Subscriber + Send + Sync, Control)
where
    W: Fn(&[u8]) + Send + Sync + 'static,
{
    let format = Arc::new(AtomicU8::new(0));
    let (filter, level) = reload::Layer::new(LevelFilter::INFO);
    let lines = Lines { format: Arc::clone(&format), out };
    let subscriber = Registry::default().with(filter).with(filter_fn(concerns_us)).with(lines);
    let control = Control { level, format };
    control.apply(logging);
    (subscriber, control)
}

/// What libraries say below `info` is about themselves, and there is a lot of it.
fn concerns_us(metadata: &Metadata<'_>) -> bool {
    const OURS: [&str; 8] =
        ["node", "membership", "ownership", "client", "discovery", "metrics", "delivery", "logs"];
    let origin = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= tracing::Level::INFO || OURS.contains(&origin)
}

/// Has this process log to standard error from now on. A second call changes nothing but what its
/// own control says: the first subscriber of a process stays.
pub fn install(logging: Logging) -> Control {
    let (subscriber, control) = subscriber(logging, |line| {
        use std::io::Write as _;
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().lock().write_all(line);
    });
    let _ = tracing::subscriber::set_global_default(subscriber);
    control
}

/// The layer that makes lines of events.
struct Lines<W> {
    format: Arc<AtomicU8>,
    out: W,
}

/// The fields of a span or an event in the order they were recorded.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    pairs: Vec<(&'static str, Value)>,
}

#[derive(Debug)]
enum Value {
    /// Written bare in JSON: a number or a boolean.
    Bare(String),
    Text(String),
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text) | Value::Bare(text)) => self.message = text,
            (name, value) => self.pairs.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        self.put(field, Value::Text(text));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bare(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Bare(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Bare(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no name for infinity.
        let text = value.to_string();
        self.put(field, if value.is_finite() { Value::Bare(text) } else { Value::Text(text) });
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8]) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let json = self.format.load(Ordering::Relaxed) == Format::Json as u8;
        let mut own = Fields::default();
        event.record(&mut own);
        let now = clock::rfc3339(clock::unix_millis(SystemTime::now()));
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let mut line = line::Line::new(json);
        line.text("ts", &now);
        line.text("level", &level);
        line.text("msg", &own.message);
        for span in ctx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                fields.pairs.iter().for_each(|(name, value)| line.value(name, value));
            }
        }
        own.pairs.iter().for_each(|(name, value)| line.value(name, value));
        (self.out)(&line.finish());
    }
}
