//! The arguments of an outbound HTTP client, which many kinds share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use client::pem::{self, Part};
use client::{
    Client, Config, ConfigError, Credentials, Headers, MemoryDialer, OAuth2, Proxy, Source, Tls,
};
use syntax::{Arguments, Choice, Problems, Secret, Step};

#[cfg(test)]
mod tests;

/// How requests prove who sends them, whom they trust and which way they go.
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct HttpClient {
    /// A bearer token to authenticate with.
    bearer_token: Option<Secret>,
    /// A file with a bearer token; read again when it changes.
    bearer_token_file: Option<String>,
    /// A user name and a password to authenticate with.
    #[arg(block)]
    basic_auth: Option<BasicAuth>,
    /// An `Authorization` header to authenticate with.
    #[arg(block)]
    authorization: Option<Authorization>,
    /// OAuth 2.0 client credentials to authenticate with.
    #[arg(block)]
    oauth2: Option<OAuth2Block>,
    /// TLS towards the server.
    #[arg(block)]
    tls_config: Option<TlsBlock>,
    /// Whether redirects are followed.
    #[arg(default = true)]
    follow_redirects: bool,
    /// Whether HTTP/2 is offered. `true` unless said otherwise, except in `prometheus.remote_write`.
    enable_http2: Option<bool>,
    /// The proxy.
    #[arg(squash)]
    proxy: ProxyArguments,
    /// Headers of every request.
    #[arg(default = BTreeMap::new())]
    http_headers: BTreeMap<String, Vec<Secret>>,
}

/// `basic_auth`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct BasicAuth {
    /// The user name.
    #[arg(default = String::new())]
    username: String,
    /// The password.
    password: Option<Secret>,
    /// A file with the password; read again when it changes.
    password_file: Option<String>,
}

/// `authorization`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct Authorization {
    /// The first word of the header; an empty one is `Bearer`.
    #[arg(rename = "type", default = "Bearer".to_owned())]
    scheme: String,
    /// The rest of the header.
    credentials: Option<Secret>,
    /// A file with the rest of the header; read again when it changes.
    credentials_file: Option<String>,
}

/// `oauth2`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct OAuth2Block {
    /// Who asks for a token.
    client_id: String,
    /// The proof of it.
    client_secret: Option<Secret>,
    /// A file with the proof; read again when it changes.
    client_secret_file: Option<String>,
    /// The scopes to ask for.
    #[arg(default = Vec::new())]
    scopes: Vec<String>,
    /// Where to ask.
    token_url: String,
    /// Further parameters of the question.
    #[arg(default = BTreeMap::new())]
    endpoint_params: BTreeMap<String, String>,
    /// The proxy towards `token_url`.
    #[arg(squash)]
    proxy: ProxyArguments,
    /// TLS towards `token_url`.
    #[arg(block)]
    tls_config: Option<TlsBlock>,
}

/// The proxy arguments.
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct ProxyArguments {
    /// The proxy to go through.
    proxy_url: Option<Secret>,
    /// Hosts to reach without the proxy, separated by commas.
    #[arg(default = String::new())]
    no_proxy: String,
    /// Whether the environment says which proxy to go through.
    #[arg(default = false)]
    proxy_from_environment: bool,
    /// Headers of the request to the proxy.
    #[arg(default = BTreeMap::new())]
    proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

/// `tls_config`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct TlsBlock {
    /// Certificate authorities to trust instead of the system's, as PEM.
    ca_pem: Option<String>,
    /// A file with them; read again when it changes.
    ca_file: Option<String>,
    /// Our certificate, as PEM.
    cert_pem: Option<String>,
    /// A file with it; read again when it changes.
    cert_file: Option<String>,
    /// The key of our certificate, as PEM.
    key_pem: Option<Secret>,
    /// A file with it; read again when it changes.
    key_file: Option<String>,
    /// The name to expect in the server's certificate.
    #[arg(default = String::new())]
    server_name: String,
    /// Whether any certificate will do.
    #[arg(default = false)]
    insecure_skip_verify: bool,
    /// The oldest version of TLS that is spoken.
    #[arg(default = TlsVersion::Unset)]
    min_version: TlsVersion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum TlsVersion {
    #[choice("")]
    Unset,
    #[choice("TLS10")]
    Tls10,
    #[choice("TLS11")]
    Tls11,
    #[choice("TLS12")]
    Tls12,
    #[choice("TLS13")]
    Tls13,
}

impl HttpClient {
    fn validate(&self, problems: &mut Problems<'_>) {
        let is_set = |name, value| problems.is_set(name, value);
        let (token, file) = (text(&self.bearer_token), self.bearer_token_file.as_deref());
        let ways: Vec<&str> = [
            ("basic_auth", self.basic_auth.is_some()),
            ("authorization", self.authorization.is_some()),
            ("oauth2", self.oauth2.is_some()),
            ("bearer_token", is_set("bearer_token", token)),
            ("bearer_token_file", is_set("bearer_token_file", file)),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
        .collect();
        if let [_, second, ..] = ways[..] {
            let text = format!("at most one of {} can be set", ways.join(", "));
            problems.presence(second, text);
        }
        // The rest is in blocks and arguments that answer for themselves.
        let headers = headers(&self.http_headers);
        report(problems, &Config { headers, ..Config::default() });
    }

    /// The settings of the client. `http2` is what holds where nothing is said.
    pub(super) fn config(&self, http2: bool) -> Config {
        Config {
            credentials: self.credentials(),
            tls: tls(self.tls_config.as_ref()),
            proxy: self.proxy.config(),
            follow_redirects: self.follow_redirects,
            enable_http2: self.enable_http2.unwrap_or(http2),
            headers: headers(&self.http_headers),
            ..Config::default()
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        let bearer = source(self.bearer_token.as_ref(), self.bearer_token_file.as_deref());
        if let Some(token) = bearer {
            return Some(Credentials::bearer(token));
        }
        if let Some(given) = &self.basic_auth {
            return Some(given.credentials());
        }
        if let Some(given) = &self.authorization {
            return Some(given.credentials());
        }
        self.oauth2.as_ref().map(|given| Credentials::OAuth2(Box::new(given.config())))
    }
}

/// A client with these settings, which reaches this process by its own address.
///
/// # Errors
///
/// When the settings contradict each other, or a file that they name cannot be read.
pub(super) fn client(
    config: &Config,
    memory: Option<&MemoryDialer>,
) -> Result<Client, super::Refusal> {
    let client = match memory {
        Some(memory) => Client::with_memory(config, memory.clone()),
        None => Client::new(config),
    };
    client.map_err(super::Refusal::new)
}

impl BasicAuth {
    fn validate(&self, problems: &mut Problems<'_>) {
        let file = self.password_file.as_deref();
        exclusive(problems, ("password", text(&self.password)), ("password_file", file));
        report(problems, &Config { credentials: Some(self.credentials()), ..Config::default() });
    }

    fn credentials(&self) -> Credentials {
        let password = source(self.password.as_ref(), self.password_file.as_deref());
        Credentials::Basic { username: self.username.clone(), password }
    }
}

impl Authorization {
    fn validate(&self, problems: &mut Problems<'_>) {
        let (credentials, file) = (text(&self.credentials), self.credentials_file.as_deref());
        exclusive(problems, ("credentials", credentials), ("credentials_file", file));
        report(problems, &Config { credentials: Some(self.credentials()), ..Config::default() });
    }

    fn credentials(&self) -> Credentials {
        let credentials = source(self.credentials.as_ref(), self.credentials_file.as_deref())
            .unwrap_or(Source::Inline(client::Secret::default()));
        let scheme = match self.scheme.trim() {
            "" => "Bearer",
            scheme => scheme,
        };
        Credentials::Authorization { scheme: scheme.to_owned(), credentials }
    }
}

impl OAuth2Block {
    fn validate(&self, problems: &mut Problems<'_>) {
        let proofs = ["client_secret", "client_secret_file"];
        let (secret, file) = (text(&self.client_secret), self.client_secret_file.as_deref());
        exclusive(problems, (proofs[0], secret), (proofs[1], file));
        if problems.are_known(&proofs) && self.client_secret().is_none() {
            let text = "oauth2 needs client_secret or client_secret_file";
            match proofs.iter().find(|proof| problems.is_written(proof)) {
                Some(empty) => problems.field(empty, text),
                None => problems.block(text),
            }
        }
        let config = OAuth2 { tls: Tls::default(), proxy: Proxy::default(), ..self.config() };
        let credentials = Some(Credentials::OAuth2(Box::new(config)));
        report(problems, &Config { credentials, ..Config::default() });
    }

    fn client_secret(&self) -> Option<Source> {
        source(self.client_secret.as_ref(), self.client_secret_file.as_deref())
    }

    fn config(&self) -> OAuth2 {
        let secret = self.client_secret();
        OAuth2 {
            client_id: self.client_id.clone(),
            client_secret: secret.unwrap_or(Source::Inline(client::Secret::default())),
            scopes: self.scopes.clone(),
            token_url: self.token_url.clone(),
            endpoint_params: self.endpoint_params.clone().into_iter().collect(),
            tls: tls(self.tls_config.as_ref()),
            proxy: self.proxy.config(),
        }
    }
}

impl TlsBlock {
    fn validate(&self, problems: &mut Problems<'_>) {
        let (ca, ca_file) = (self.ca_pem.as_deref(), self.ca_file.as_deref());
        let (cert, cert_file) = (self.cert_pem.as_deref(), self.cert_file.as_deref());
        let (key, key_file) = (text(&self.key_pem), self.key_file.as_deref());
        exclusive(problems, ("ca_pem", ca), ("ca_file", ca_file));
        exclusive(problems, ("cert_pem", cert), ("cert_file", cert_file));
        exclusive(problems, ("key_pem", key), ("key_file", key_file));
        report(problems, &Config { tls: tls(Some(self)), ..Config::default() });
    }
}

/// Says what the client would say of these settings, each where it is written.
fn report(problems: &mut Problems<'_>, config: &Config) {
    for error in config.problems() {
        let text = error.to_string();
        if let Some(header) = header_of(&error) {
            let at = [Step::Key(header.to_owned())];
            let ours = config.proxy.connect_headers.is_empty();
            let field = if ours { "http_headers" } else { "proxy_connect_header" };
            match error {
                ConfigError::BadHeaderValue(_) => problems.part(field, &at, text),
                _ => problems.key(field, &at, text),
            }
            continue;
        }
        let fields = fields_of(&error);
        if !problems.are_known(fields) {
            continue;
        }
        match fields.iter().find(|field| problems.is_written(field)) {
            // What is taken for a certificate may be a key.
            Some(field) if field.ends_with("_pem") => problems.secret(field, text),
            Some(field) => problems.field(field, text),
            None => problems.block(text),
        }
    }
}

fn header_of(error: &ConfigError) -> Option<&str> {
    match error {
        ConfigError::ReservedHeader(name)
        | ConfigError::BadHeaderName(name)
        | ConfigError::BadHeaderValue(name) => Some(name),
        _ => None,
    }
}

/// The arguments that a mistake comes from, in the order in which it is best reported at them.
fn fields_of(error: &ConfigError) -> &'static [&'static str] {
    match error {
        ConfigError::ColonInUsername => &["username"],
        ConfigError::BasicScheme | ConfigError::BadScheme(_) => &["type"],
        ConfigError::NoClientId => &["client_id"],
        ConfigError::BadTokenUrl => &["token_url"],
        ConfigError::HalfKeyPair => &["cert_pem", "cert_file", "key_pem", "key_file"],
        ConfigError::OldTls(_) | ConfigError::UnknownTlsVersion(_) => &["min_version"],
        ConfigError::BadServerName(_) => &["server_name"],
        ConfigError::Pem(error) => match error {
            pem::Error::Pair { .. } => &["cert_pem", "key_pem"],
            _ => match error.part() {
                Part::Authorities | Part::ClientAuthorities => &["ca_pem"],
                Part::Certificate => &["cert_pem"],
                Part::Key => &["key_pem"],
            },
        },
        ConfigError::ProxyTwice => &["proxy_from_environment", "proxy_url", "no_proxy"],
        ConfigError::NoProxyWithoutProxy => &["no_proxy", "proxy_url", "proxy_from_environment"],
        ConfigError::ConnectHeadersWithoutProxy => {
            &["proxy_connect_header", "proxy_url", "proxy_from_environment"]
        }
        ConfigError::BadProxyUrl(_) => &["proxy_url"],
        // These come with files, which nobody has read yet.
        _ => &[],
    }
}

/// Two arguments, each with what it holds, of which one may be set.
fn exclusive(
    problems: &mut Problems<'_>,
    (one, value): (&str, Option<&str>),
    (other, other_value): (&str, Option<&str>),
) {
    if problems.is_set(one, value) && problems.is_set(other, other_value) {
        problems.presence(other, format!("{one} and {other} exclude each other"));
    }
}

fn text(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(Secret::expose)
}

impl ProxyArguments {
    fn validate(&self, problems: &mut Problems<'_>) {
        report(problems, &Config { proxy: self.config(), ..Config::default() });
    }

    fn config(&self) -> Proxy {
        Proxy {
            url: self.proxy_url.as_ref().filter(|url| !url.expose().is_empty()).map(secret),
            no_proxy: self.no_proxy.clone(),
            from_environment: self.proxy_from_environment,
            connect_headers: headers(&self.proxy_connect_header),
        }
    }
}

fn tls(block: Option<&TlsBlock>) -> Tls {
    let Some(block) = block else { return Tls::default() };
    let pem = |text: Option<&String>, file: Option<&str>| {
        let text = text.map(Secret::new);
        source(text.as_ref(), file)
    };
    Tls {
        ca: pem(block.ca_pem.as_ref(), block.ca_file.as_deref()),
        cert: pem(block.cert_pem.as_ref(), block.cert_file.as_deref()),
        key: source(block.key_pem.as_ref(), block.key_file.as_deref()),
        server_name: Some(block.server_name.clone()).filter(|name| !name.is_empty()),
        insecure_skip_verify: block.insecure_skip_verify,
        min_version: match block.min_version {
            TlsVersion::Unset => None,
            TlsVersion::Tls10 => Some(client::TlsVersion::Tls10),
            TlsVersion::Tls11 => Some(client::TlsVersion::Tls11),
            TlsVersion::Tls12 => Some(client::TlsVersion::Tls12),
            TlsVersion::Tls13 => Some(client::TlsVersion::Tls13),
        },
    }
}

/// Where a secret comes from. An empty one is as good as none, as everywhere in this language.
fn source(text: Option<&Secret>, file: Option<&str>) -> Option<Source> {
    let text = text.filter(|text| !text.expose().is_empty());
    let file = file.filter(|file| !file.is_empty());
    text.map(|text| Source::Inline(secret(text)))
        .or_else(|| file.map(|file| Source::File(PathBuf::from(file))))
}

fn secret(secret: &Secret) -> client::Secret {
    client::Secret::new(secret.expose())
}

fn headers(headers: &BTreeMap<String, Vec<Secret>>) -> Headers {
    headers
        .iter()
        .map(|(name, values)| (name.clone(), values.iter().map(secret).collect()))
        .collect()
}
