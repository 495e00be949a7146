//! The `Authorization` header of a request.

use http::HeaderValue;

use crate::config::Credentials;
use crate::error::{ConfigError, Error};
use crate::header::{basic, sensitive};
use crate::oauth2::TokenSource;
use crate::reread::Current;

/// Makes the header, anew for each request: what it is made of may have changed.
#[derive(Debug)]
pub(crate) enum Authenticator {
    None,
    Basic { username: String, password: Option<Current> },
    Scheme { scheme: String, credentials: Current },
    OAuth2(Box<TokenSource>),
}

impl Authenticator {
    pub(crate) fn new(credentials: Option<&Credentials>) -> Result<Self, ConfigError> {
        Ok(match credentials {
            None => Self::None,
            Some(Credentials::Basic { username, password }) => Self::Basic {
                username: username.clone(),
                password: password.as_ref().map(Current::of),
            },
            Some(Credentials::Authorization { scheme, credentials }) => {
                Self::Scheme { scheme: scheme.clone(), credentials: Current::of(credentials) }
            }
            Some(Credentials::OAuth2(config)) => Self::OAuth2(Box::new(TokenSource::new(config)?)),
        })
    }

    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Basic { username, password } => {
                let password = match password {
                    Some(password) => Some(password.secret().await?),
                    None => None,
                };
                let password = password.as_ref().map_or("", |password| password.expose());
                basic(username, password).map(Some)
            }
            Self::Scheme { scheme, credentials } => {
                let credentials = credentials.secret().await?;
                sensitive(format!("{scheme} {}", credentials.expose())).map(Some)
            }
            // Boxed: fetching a token is a request of its own, and rare.
            Self::OAuth2(source) => Box::pin(source.header()).await.map(Some),
        }
    }

    /// Whether a request that was refused with 401 and this header is worth another, with a new
    /// header.
    pub(crate) fn renews(&self, refused: &HeaderValue) -> bool {
        match self {
            Self::OAuth2(source) => source.forget(refused),
            _ => false,
        }
    }
}
