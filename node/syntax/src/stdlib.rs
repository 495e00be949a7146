//! The standard library.

mod arguments;
mod strings;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scope::Host;
use crate::value::Value;

/// Every name of the standard library for a machine.
pub(crate) fn library(host: &Host) -> BTreeMap<Arc<str>, Value> {
    let constants = [
        ("hostname", &host.hostname),
        ("os", &host.os),
        ("arch", &host.arch),
        ("version", &host.version),
    ];
    let constants = constants.map(|(name, text)| (name, Value::string(text)));
    let namespaces = [("constants", Value::object(constants)), ("string", strings::namespace())];
    namespaces.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()
}
