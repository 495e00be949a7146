//! From discovered labels to a target that can be scraped.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::Uri;
use model::names::is_label_name;
use model::{Labels, duration};

use crate::config::ScrapeConfig;

#[cfg(test)]
mod tests;

/// One thing to scrape: what will be requested, how often, and which labels its series get.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapeTarget {
    /// Scheme, address, path and parameters.
    pub url: Uri,
    /// The labels that every series of the target gets, `job` and `instance` among them; none
    /// begins with `__`.
    pub labels: Labels,
    /// Time between two ticks.
    pub interval: Duration,
    /// Time from the request to the last byte.
    pub timeout: Duration,
}

impl ScrapeTarget {
    /// What makes this target different from every other of its component, in a fixed order: what
    /// is requested, and the labels of what is written. The interval is not part of it: a target
    /// that is scraped at another pace stays where it is.
    pub fn identity(&self) -> [Vec<u8>; 2] {
        [self.url.to_string().into_bytes(), self.labels.borrowed().as_encoded().to_vec()]
    }

    /// The value of the `job` label.
    pub fn job(&self) -> &str {
        self.labels.get("job").unwrap_or_default()
    }
}

/// The target that labels after discovery and relabelling describe.
///
/// Follows Prometheus 3: `__scheme__`, `__metrics_path__`, `__scrape_interval__`,
/// `__scrape_timeout__`, `__param_*` and `job` fall back to the configuration, `instance` to the
/// address, and no port is added to the address. Labels that begin with `__` are left behind.
pub fn prepare(discovered: &Labels, config: &ScrapeConfig) -> Result<ScrapeTarget, TargetError> {
    let or_default = |name: &str, default: &str| {
        discovered.get(name).map_or_else(|| default.to_owned(), str::to_owned)
    };
    let address = discovered.get("__address__").ok_or(TargetError::NoAddress)?;
    if address.contains('/') {
        return Err(TargetError::Address(address.to_owned()));
    }
    let scheme = or_default("__scheme__", &config.scheme);
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(TargetError::Scheme(scheme));
    }
    let interval = duration_of(discovered, "__scrape_interval__", config.scrape_interval)?;
    let timeout = duration_of(discovered, "__scrape_timeout__", config.scrape_timeout)?;
    if timeout > interval {
        return Err(TargetError::TimeoutPastInterval { timeout, interval });
    }
    let mut names = discovered.iter().map(|(name, _)| name).filter(|name| !name.starts_with("__"));
    if let Some(name) = names.find(|name| !is_label_name(name, config.name_validation)) {
        return Err(TargetError::LabelName(name.to_owned()));
    }
    let path = or_default("__metrics_path__", &config.metrics_path);
    let url = url_of(&scheme, address, &path, &params_of(discovered, config))?;
    Ok(ScrapeTarget { url, labels: labels_of(discovered, config, address), interval, timeout })
}

fn duration_of(
    labels: &Labels,
    name: &'static str,
    default: Duration,
) -> Result<Duration, TargetError> {
    let Some(text) = labels.get(name) else { return Ok(default) };
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err(TargetError::NoPace(name)),
        Ok(duration) => Ok(duration),
        Err(error) => Err(TargetError::Duration { label: name, error }),
    }
}

/// Parameters of the configuration; a `__param_*` label replaces the first value of its parameter.
fn params_of<'a>(labels: &'a Labels, config: &'a ScrapeConfig) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut params: BTreeMap<&str, Vec<&str>> = config
        .params
        .iter()
        .map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect()))
        .collect();
    for (name, value) in labels.iter() {
        let Some(name) = name.strip_prefix("__param_") else { continue };
        let values = params.entry(name).or_default();
        match values.first_mut() {
            Some(first) => *first = value,
            None => values.push(value),
        }
    }
    params
}

fn url_of(
    scheme: &str,
    address: &str,
    path: &str,
    params: &BTreeMap<&str, Vec<&str>>,
) -> Result<Uri, TargetError> {
    let mut text = format!("{scheme}://{address}");
    if !path.starts_with('/') {
        text.push('/');
    }
    escape_path(&mut text, path);
    if params.values().any(|values| !values.is_empty()) {
        text.push('?');
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, values) in params {
            for value in values {
                query.append_pair(name, value);
            }
        }
        text.push_str(&query.finish());
    }
    let error = |reason: &dyn fmt::Display| TargetError::Url {
        url: text.clone(),
        reason: reason.to_string(),
    };
    let url: Uri = text.parse().map_err(|reason| error(&reason))?;
    match url.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(error(&"credentials belong into basic_auth, not into the address"))
        }
        Some(authority) if !authority.host().is_empty() => Ok(url),
        _ => Err(error(&"it has no host")),
    }
}

/// Escapes what a path cannot hold; `%` stays, because a path may be escaped already.
fn escape_path(out: &mut String, path: &str) {
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b'%' | b':' | b'@' | b'!' | b'$' | b'&' | b'\''
            | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn labels_of(discovered: &Labels, config: &ScrapeConfig, address: &str) -> Labels {
    let mut pairs: Vec<(&str, &str)> =
        discovered.iter().filter(|(name, _)| !name.starts_with("__")).collect();
    if discovered.get("job").is_none() {
        pairs.push(("job", &config.job_name));
    }
    if discovered.get("instance").is_none() {
        pairs.push(("instance", address));
    }
    Labels::from_pairs(pairs)
}

/// Why labels do not describe a target. The target is at fault; the others are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no `__address__`.
    #[error("the target has no __address__ label")]
    NoAddress,
    /// The address holds a path.
    #[error("__address__ {0:?} must be HOST or HOST:PORT; a path belongs into __metrics_path__")]
    Address(String),
    /// The scheme is neither of the two.
    #[error("__scheme__ must be \"http\" or \"https\", not {0:?}")]
    Scheme(String),
    /// A label that no series may have.
    #[error("{0:?} is not a label name by metric_name_validation_scheme")]
    LabelName(String),
    /// A pace of nothing.
    #[error("{0} must be longer than nothing")]
    NoPace(&'static str),
    /// A pace that cannot be read.
    #[error("{label}: {error}")]
    Duration {
        /// The label that holds it.
        label: &'static str,
        /// What is wrong with it.
        error: duration::Error,
    },
    /// The timeout of the target is past its interval.
    #[error("the scrape timeout {timeout:?} is longer than the scrape interval {interval:?}")]
    TimeoutPastInterval {
        /// After labels and configuration.
        timeout: Duration,
        /// After labels and configuration.
        interval: Duration,
    },
    /// What the labels make is not a URL.
    #[error("{url:?} is not a URL that can be scraped: {reason}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}
