//! What tests of kinds share.

use syntax::{Arguments, Host, IntoValue, Scope, Source, Stability, Variables};

use super::receiver::MetricsReceiver;
use super::targets::Targets;

/// Decodes what would stand between the braces of a block; the mistakes as text, each in a line.
/// The names `receiver` and `targets` mean what they say.
pub(super) fn decode<T: Arguments>(body: &str) -> Result<T, String> {
    decode_at(Stability::GenerallyAvailable, body)
}

pub(super) fn decode_at<T: Arguments>(stability: Stability, body: &str) -> Result<T, String> {
    let text = format!("test \"it\" {{\n{body}\n}}\n");
    let (file, mistakes) = syntax::parse(&Source::new("test.alloy", text));
    assert!(!mistakes.has_errors(), "{mistakes}");
    let mut variables = Variables::new();
    variables.set(["receiver"], MetricsReceiver::new().0.to_value());
    variables.set(["targets"], Targets::default().to_value());
    let scope = Scope::new(&Host::default(), stability).child(variables);
    let block = file.body.blocks().next().expect("there is one block");
    syntax::decode(block, &scope).map_err(|mistakes| {
        let lines: Vec<String> = mistakes
            .iter()
            .map(|mistake| match &mistake.span {
                Some(span) => format!("{}: {}", span.position().line - 1, mistake.message),
                None => mistake.message.clone(),
            })
            .collect();
        lines.join("\n")
    })
}
