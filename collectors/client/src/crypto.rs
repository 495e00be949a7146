//! The cryptography below TLS.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;

/// Never the process's default provider: two libraries may disagree about it at run time.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}
