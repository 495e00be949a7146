//! Blocks of clouds that Shoal does not speak to. They are declared so that the refusal can say
//! why, instead of calling them unknown.

use syntax::{Arguments, Problems, Secret};

/// `sigv4`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct SigV4 {
    /// Not available.
    region: Option<String>,
    /// Not available.
    access_key: Option<String>,
    /// Not available.
    secret_key: Option<Secret>,
    /// Not available.
    profile: Option<String>,
    /// Not available.
    role_arn: Option<String>,
    /// Not available.
    external_id: Option<String>,
    /// Not available.
    use_fips_sts_endpoint: Option<bool>,
    /// Not available.
    service_name: Option<String>,
}

impl SigV4 {
    fn validate(&self, problems: &mut Problems<'_>) {
        let text = "sigv4 is not available: send through a proxy that signs requests for AWS";
        problems.block(text);
    }
}

/// `azuread`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct AzureAd {
    /// Not available.
    cloud: Option<String>,
    /// Not available.
    scope: Option<String>,
    /// Not available.
    #[arg(block)]
    managed_identity: Option<Identity>,
    /// Not available.
    #[arg(block)]
    workload_identity: Option<Identity>,
    /// Not available.
    #[arg(block)]
    oauth: Option<Identity>,
    /// Not available.
    #[arg(block)]
    sdk: Option<Identity>,
}

impl AzureAd {
    fn validate(&self, problems: &mut Problems<'_>) {
        problems.block("azuread is not available: use oauth2 with the client credentials instead");
    }
}

/// The ways to identify oneself to Azure.
#[derive(Debug, Clone, PartialEq, Arguments)]
pub(super) struct Identity {
    /// Not available.
    client_id: Option<String>,
    /// Not available.
    client_secret: Option<Secret>,
    /// Not available.
    tenant_id: Option<String>,
    /// Not available.
    token_file_path: Option<String>,
}

/// `google_iam`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct GoogleIam {
    /// Not available.
    credentials_file: Option<String>,
}

impl GoogleIam {
    fn validate(&self, problems: &mut Problems<'_>) {
        problems.block("google_iam is not available: send through a proxy that signs in to Google");
    }
}
