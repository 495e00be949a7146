//! A request, before it is written for a connection.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

/// Headers that a message gets beside those it names: host, user agent and two authorizations.
const MORE_HEADERS: usize = 4;

/// What is to be sent, in parts that are only lent: they are put together once for each time that
/// it is really sent.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    /// They take the place of `headers` with the same name.
    pub(crate) configured: &'a [(HeaderName, HeaderValue)],
    /// Takes the place of such a header.
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) body: &'a Bytes,
}

impl Message<'_> {
    /// As HTTP/1 writes it: for this URI (a path, or the whole URL for an HTTP proxy) on this host.
    pub(crate) fn http1(
        &self,
        uri: Uri,
        host: HeaderValue,
        proxy_authorization: Option<&HeaderValue>,
    ) -> Request<Full<Bytes>> {
        let mut request = self.request(uri);
        request.headers_mut().insert(HOST, host);
        if let Some(authorization) = proxy_authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// As HTTP/2 writes it: the URL is taken apart by the protocol.
    pub(crate) fn http2(&self) -> Request<Full<Bytes>> {
        let mut request = self.request(self.uri.clone());
        request.headers_mut().remove(HOST);
        request
    }

    fn request(&self, uri: Uri) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.reserve(self.headers.len() + self.configured.len() + MORE_HEADERS);
        for (name, value) in self.headers {
            if !self.configured.iter().any(|(configured, _)| configured == name) {
                headers.append(name, value.clone());
            }
        }
        for (name, value) in self.configured {
            headers.append(name, value.clone());
        }
        headers.entry(USER_AGENT).or_insert_with(|| HeaderValue::from_static(crate::USER_AGENT));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}
