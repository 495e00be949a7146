//! `discovery.dns`: targets from DNS records.

use std::time::Duration;

use discovery::dns::{self, Config, DnsDiscovery, Record};
use syntax::{Arguments, Choice, FromValue, IntoValue, Mismatch, Problems, Step, Type, Value};

use super::latest::Latest;
use super::source::{self, Outlet, Output, Source};
use super::{Context, Kind, Refusal, Started, Updated};

#[cfg(test)]
mod tests;

/// A running `discovery.dns`.
pub(super) struct DiscoveryDns(Latest<Source<discovery::Targets>>);

/// What `discovery.dns` takes.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Input {
    /// The names to look up.
    names: Vec<String>,
    /// The records to look for.
    #[arg(rename = "type", default = AnyCase(RecordName::Srv))]
    record: AnyCase,
    /// The targets' port; needed for every type but `SRV`, whose records have their own.
    #[arg(default = 0)]
    port: u16,
    /// How often the names are looked up.
    #[arg(default = Duration::from_secs(30))]
    refresh_interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum RecordName {
    #[choice("SRV")]
    Srv,
    #[choice("A")]
    A,
    #[choice("AAAA")]
    Aaaa,
    #[choice("MX")]
    Mx,
    #[choice("NS")]
    Ns,
}

/// Upper or lower case, as Alloy takes it.
#[derive(Debug)]
struct AnyCase(RecordName);

impl FromValue for AnyCase {
    fn kind() -> Type {
        RecordName::kind()
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        let upper = match value {
            Value::String(name) => RecordName::from_known(&Value::string(name.to_uppercase())).ok(),
            _ => None,
        };
        // What is wrong is told as it is written.
        upper.map_or_else(|| RecordName::from_known(value), Ok).map(Self)
    }
}

impl IntoValue for AnyCase {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

impl Input {
    fn validate(&self, problems: &mut Problems<'_>) {
        if self.names.is_empty() {
            problems.field("names", "names must not be empty");
        }
        for (at, name) in self.names.iter().enumerate().filter(|(_, name)| !dns::is_name(name)) {
            problems.part("names", &[Step::Index(at)], format!("{name:?} is not a DNS name"));
        }
        if self.refresh_interval.is_zero() {
            problems.field("refresh_interval", "refresh_interval must be greater than 0");
        }
        let known = problems.are_known(&["type", "port"]);
        if known && self.port == 0 && self.record.0 != RecordName::Srv {
            let text = format!("records of type {} need port to be set", self.record.0.as_str());
            problems.field("type", text);
        }
    }

    fn config(&self) -> Config {
        Config {
            names: self.names.clone(),
            record: match self.record.0 {
                RecordName::Srv => Record::Srv,
                RecordName::A => Record::A,
                RecordName::Aaaa => Record::Aaaa,
                RecordName::Mx => Record::Mx,
                RecordName::Ns => Record::Ns,
            },
            port: (self.port != 0).then_some(self.port),
            refresh_interval: self.refresh_interval,
            name_server: None,
        }
    }

    fn source(&self) -> Result<Source<discovery::Targets>, Refusal> {
        let source = DnsDiscovery::new(&self.config()).map_err(Refusal::new)?;
        Ok(Box::new(|publisher, stop| Box::pin(source.run(publisher, stop))))
    }
}

impl Kind for DiscoveryDns {
    const NAME: &'static str = "discovery.dns";
    const SUMMARY: &'static str = "Finds targets by looking names up.";
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let sources = Latest::new(arguments.source()?);
        let outlet = Outlet::of(&context);
        let work = source::run(sources.clone(), outlet, context.cancel);
        Ok(Started::new(Self(sources), work))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        self.0.put(arguments.source()?);
        Ok(Updated::InPlace)
    }
}
