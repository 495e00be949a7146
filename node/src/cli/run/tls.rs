//! Whether nodes that are started alike can speak TLS to each other.

use crate::cluster;
use crate::server::config::{ClientAuth, HttpConfig};

#[cfg(test)]
mod tests;

/// What keeps this node from talking to one that is started with the same flags and
/// configuration, and what to do about it.
pub(super) fn problem(cluster: &cluster::Options, http: &HttpConfig) -> Option<String> {
    if !cluster.enabled {
        return None;
    }
    let (served, spoken) = match (&http.tls, &cluster.tls) {
        (None, None) => return None,
        (Some(_), None) => {
            return Some(
                "the configuration has an http block with tls, but nodes would speak plain HTTP \
                 to each other: add --cluster.enable-tls, with --cluster.tls-ca-path if the \
                 certificates are not of a public authority, or remove the block"
                    .to_owned(),
            );
        }
        (None, Some(_)) => {
            return Some(
                "--cluster.enable-tls makes nodes speak TLS to each other, but the configuration \
                 has no http block with tls, so none of them would serve it: add \
                 `http { tls { cert_file = \"..\" key_file = \"..\" } }`, or remove the flag"
                    .to_owned(),
            );
        }
        (Some(served), Some(spoken)) => (served, spoken),
    };
    let must_show = match served.client_auth {
        ClientAuth::Required | ClientAuth::RequiredUnchecked => true,
        // Without a key the certificate is what tells a node from a stranger.
        ClientAuth::IfGiven => cluster.key_file.is_none(),
        ClientAuth::None | ClientAuth::Asked => false,
    };
    (must_show && spoken.cert.is_none()).then(|| {
        "the http block asks for client certificates, and nodes would have none to show each \
         other: add --cluster.tls-cert-path and --cluster.tls-key-path"
            .to_owned()
    })
}
