use crate::{Source, parse, references};

#[test]
fn every_name_that_is_read_is_found_in_order() {
    let text = r#"
        a "b" {
            x = [one.two.three, {k = four["five"].six}]
            y = string.format("%s", -seven.eight) + (nine)(ten[eleven.x])
            inner {
                z = twelve
            }
        }
    "#;
    let (file, diagnostics) = parse(&Source::new("t", text));
    assert!(diagnostics.is_empty(), "{diagnostics}");
    let found: Vec<String> = references(&file.body)
        .iter()
        .map(|traversal| {
            assert_eq!(traversal.span().text(), traversal.names().collect::<Vec<_>>().join("."));
            traversal.span().text().to_owned()
        })
        .collect();
    assert_eq!(
        found,
        [
            "one.two.three",
            "four",
            "string.format",
            "seven.eight",
            "nine",
            "ten",
            "eleven.x",
            "twelve"
        ]
    );
}
