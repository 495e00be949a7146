//! Asking a running node.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use client::{Client, Config, Credentials, Secret, Source, Tls};
use http::{Method, Request, StatusCode};

/// How long the node may take; a check of all paths takes the longest.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// The longest excerpt of an error's body that is shown, in bytes.
const EXCERPT: usize = 500;

/// Whom to ask, and how.
#[derive(Debug, Args)]
pub(super) struct Node {
    /// Where the node listens: HOST:PORT, or a URL.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:12345")]
    address: String,

    /// The user name that the node asks for; the password is read from SHOAL_PASSWORD.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// Speak TLS; the default when any of the other TLS flags is given.
    #[arg(long)]
    tls: bool,

    /// The authorities to trust, as PEM; the system's when absent.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The certificate to show to the node, as PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key of that certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// The name to expect in the node's certificate, instead of its address.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// Take any certificate for the node's.
    #[arg(long)]
    insecure: bool,
}

impl Node {
    /// Where the node is, as it was written.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The body of the answer to `path`.
    ///
    /// # Errors
    ///
    /// When there is none, in words.
    pub(super) fn ask(&self, method: Method, path: &str) -> Result<Vec<u8>, String> {
        // A second provider in the process would make every use of TLS ambiguous; there is only ours.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(self.exchange(method, path))
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<Vec<u8>, String> {
        let client = Client::new(&self.config()).map_err(|error| error.to_string())?;
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base()));
        let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
        let exchange = async {
            let mut response = client.send(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            if status != StatusCode::OK {
                return Err(format!("it answered {status}: {}", response.excerpt(EXCERPT).await));
            }
            let mut body = Vec::new();
            let read = response.read_body(MAX_ANSWER, &mut body).await;
            read.map_err(|error| error.to_string())?;
            Ok(body)
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        answer.unwrap_or_else(|_| Err(format!("no answer in {TIMEOUT:?}")))
    }

    fn base(&self) -> String {
        match self.address.contains("://") {
            true => self.address.trim_end_matches('/').to_owned(),
            false if self.speaks_tls() => format!("https://{}", self.address),
            false => format!("http://{}", self.address),
        }
    }

    fn speaks_tls(&self) -> bool {
        self.tls || self.insecure || self.tls_config() != Tls::default()
    }

    fn config(&self) -> Config {
        let credentials = self.username.as_ref().map(|username| Credentials::Basic {
            username: username.clone(),
            password: std::env::var("SHOAL_PASSWORD")
                .ok()
                .map(|password| Source::Inline(Secret::new(password))),
        });
        Config { credentials, tls: self.tls_config(), ..Config::default() }
    }

    fn tls_config(&self) -> Tls {
        let file = |path: &Option<PathBuf>| path.clone().map(Source::File);
        Tls {
            ca: file(&self.ca),
            cert: file(&self.cert),
            key: file(&self.key),
            server_name: self.server_name.clone(),
            insecure_skip_verify: self.insecure,
            ..Tls::default()
        }
    }
}
