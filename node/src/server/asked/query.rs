//! The query of a URL.

/// Names and values, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::server) struct Query(Vec<(String, String)>);

impl Query {
    pub(in crate::server) fn parse(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name; empty when it is absent.
    pub(in crate::server) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// A number, or `default` when the name is absent or its value empty.
    ///
    /// # Errors
    ///
    /// When it is no number, or above `max`: a text for whoever asked.
    pub(in crate::server) fn number(
        &self,
        name: &str,
        default: usize,
        max: usize,
    ) -> Result<usize, String> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(default);
        }
        match text.parse() {
            Ok(number) if number <= max => Ok(number),
            Ok(_) => Err(format!("{name} is at most {max}")),
            Err(_) => Err(format!("{name}={text:?} is no number")),
        }
    }
}
