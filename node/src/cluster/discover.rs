//! `--cluster.discover-peers`: `provider=NAME key=value ...`, as Alloy writes it.
//!
//! Keys and values with a space, a backslash or a double quote are put in double quotes, and the
//! last two are escaped with a backslash in there. The one provider that needs no cloud's API is
//! there, `dns`, and its answers are seeds like any other:
//!
//! | key | value |
//! |---|---|
//! | `names` | the names to look up, separated by commas; needed |
//! | `type` | `host` (A and AAAA; the default), `srv`, or `srvnoa`, as the prefixes of seeds |
//! | `port` | the port of what is found; that of the SRV record, else this node's own when absent |

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Providers that Alloy has.
const ELSEWHERE: [&str; 16] = [
    "aliyun",
    "aws",
    "azure",
    "digitalocean",
    "gce",
    "hcp",
    "k8s",
    "linode",
    "mdns",
    "os",
    "packet",
    "scaleway",
    "softlayer",
    "tencentcloud",
    "triton",
    "vsphere",
];

/// Why a text does not say how to find peers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not made of keys and values.
    #[error("{0}; write provider=dns names=NAME[,NAME...] [type=host|srv|srvnoa] [port=PORT]")]
    Syntax(String),
    /// The provider is one that Alloy has.
    #[error(
        "provider {0:?} is not available, only \"dns\" is: \
         give the nodes a name there, and say provider=dns names=NAME"
    )]
    Elsewhere(String),
    /// Kubernetes, whose headless services are names.
    #[error(
        "provider \"k8s\" is not available, only \"dns\" is: \
         a headless service is a name, so say provider=dns names=SERVICE.NAMESPACE.svc"
    )]
    Kubernetes,
    /// Nobody knows the provider.
    #[error("there is no provider {0:?}, only \"dns\"")]
    Unknown(String),
}

/// The seeds that a text stands for, as `--cluster.join-addresses` takes them.
///
/// # Errors
///
/// When it asks for what there is not, or nothing at all.
pub fn seeds(text: &str) -> Result<Vec<String>, Error> {
    let mut settings = pairs(text)?;
    let provider = settings
        .remove("provider")
        .ok_or_else(|| Error::Syntax("it names no provider".to_owned()))?;
    match provider.as_str() {
        "dns" => dns(settings),
        "k8s" => Err(Error::Kubernetes),
        other if ELSEWHERE.contains(&other) => Err(Error::Elsewhere(provider)),
        _ => Err(Error::Unknown(provider)),
    }
}

fn dns(mut settings: BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    let syntax = |text: String| Err(Error::Syntax(text));
    let names = settings.remove("names").unwrap_or_default();
    let names: Vec<&str> =
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return syntax("it has no names".to_owned());
    }
    let prefix = match settings.remove("type").as_deref() {
        None | Some("host") => "dns+",
        Some("srv") => "dnssrv+",
        Some("srvnoa") => "dnssrvnoa+",
        Some(other) => return syntax(format!("type {other:?} is none of host, srv and srvnoa")),
    };
    let port = match settings.remove("port").as_deref().map(str::parse::<u16>) {
        None => String::new(),
        Some(Ok(port)) if port > 0 => format!(":{port}"),
        Some(_) => return syntax("port is no port".to_owned()),
    };
    if let Some(key) = settings.keys().next() {
        return syntax(format!("provider \"dns\" knows no key {key:?}"));
    }
    if let Some(name) = names.iter().find(|name| name.contains([':', '+', '/', ' '])) {
        return syntax(format!("{name:?} is no name"));
    }
    Ok(names.iter().map(|name| format!("{prefix}{name}{port}")).collect())
}

/// Keys and values in the order of the keys.
fn pairs(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let mut pairs = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = word(rest, true)?;
        let Some(after) = after.strip_prefix('=') else {
            return Err(Error::Syntax(format!("there is no = behind {key:?}")));
        };
        let (value, after) = word(after, false)?;
        if !(after.is_empty() || after.starts_with(char::is_whitespace)) {
            return Err(Error::Syntax(format!("there is no space behind the value of {key:?}")));
        }
        if key.is_empty() || pairs.insert(key.clone(), value).is_some() {
            return Err(Error::Syntax(format!("the key {key:?} is empty, or there twice")));
        }
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A word, quoted or not, and what follows it. A key ends at an equals sign.
fn word(text: &str, key: bool) -> Result<(String, &str), Error> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_whitespace() || key && c == '=');
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        if word.contains(['"', '\\']) {
            return Err(Error::Syntax(format!("{word:?} needs quotes")));
        }
        return Ok((word.to_owned(), rest));
    };
    let mut word = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((word, &quoted[index + 1..])),
            '\\' => word.extend(characters.next().map(|(_, escaped)| escaped)),
            other => word.push(other),
        }
    }
    Err(Error::Syntax(format!("a quote is not closed: \"{quoted}")))
}
