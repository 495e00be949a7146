use expect_test::expect;

use super::{FieldDoc, FieldKind};
use crate::{Arguments, Blocks, Choice};

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Example {
    /// Where to send to.
    url: String,
    /// How the target
    /// is asked.
    #[arg(default = Mode::Fast)]
    mode: Mode,
    #[arg(default = false, stability = experimental)]
    odd: bool,
    /// What to do.
    #[arg(blocks)]
    stages: Vec<Stage>,
}

#[derive(Choice)]
enum Mode {
    Fast,
    #[choice("a|b")]
    Both,
}

#[derive(Blocks)]
#[expect(dead_code, reason = "only the reference is used")]
enum Stage {
    /// Stages within stages.
    #[block("stage.match")]
    Match(Box<Match>),
    #[block("stage.custom", stability = public_preview)]
    Custom(Custom),
}

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Match {
    selector: String,
    #[arg(blocks)]
    stages: Vec<Stage>,
}

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Custom {
    #[arg(label)]
    label: String,
}

/// A line for each field, and below it those of a block, though not of one within itself.
fn told(fields: &[FieldDoc], path: &mut Vec<&'static str>) -> String {
    let mut text = String::new();
    for field in fields {
        let FieldDoc { name, required, doc, stability, .. } = field;
        let default = field.default_text();
        let indent = "  ".repeat(path.len());
        let kind = match &field.kind {
            FieldKind::Attribute(kind) => kind.to_string(),
            FieldKind::Block { repeated, .. } => format!("block, repeated: {repeated}"),
            FieldKind::Label => "label".to_owned(),
        };
        let line =
            format!("{name}: {kind}, required: {required}, {default:?}, {doc:?}, {stability}");
        text.push_str(&format!("{indent}{line}\n"));
        if let FieldKind::Block { nested, .. } = field.kind
            && !path.contains(name)
        {
            path.push(name);
            text.push_str(&told(&nested(), path));
            path.pop();
        }
    }
    text
}

#[test]
fn a_declaration_is_its_own_reference() {
    expect![[r#"
        url: string, required: true, None, "Where to send to.", generally-available
        mode: one of "fast", "a|b", required: false, Some("\"fast\""), "How the target is asked.", generally-available
        odd: bool, required: false, Some("false"), "", experimental
        stage.match: block, repeated: true, required: false, None, "Stages within stages.", generally-available
          selector: string, required: true, None, "", generally-available
          stage.match: block, repeated: true, required: false, None, "Stages within stages.", generally-available
          stage.custom: block, repeated: true, required: false, None, "", public-preview
            label: label, required: true, None, "", generally-available
        stage.custom: block, repeated: true, required: false, None, "", public-preview
          label: label, required: true, None, "", generally-available
    "#]].assert_eq(&told(&Example::reference(), &mut Vec::new()));
}
