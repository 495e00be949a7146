//! The outbound HTTP client: credentials, TLS, proxies, redirects.
