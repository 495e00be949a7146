//! Any text gets an answer from the configuration language, and formatting keeps its meaning.

#![no_main]

use libfuzzer_sys::fuzz_target;
use syntax::{Evaluated, Host, Scope, Source, Stability};

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz", text);
    let (file, diagnostics) = syntax::parse(&source);
    let _shown = diagnostics.to_string();

    let scope = Scope::new(&Host::default(), Stability::Experimental);
    let _references = syntax::references(&file.body);
    for block in file.body.blocks() {
        let (evaluated, diagnostics) = Evaluated::new(block, &scope);
        let _shown = (diagnostics.to_string(), syntax::json::Body::of(&evaluated, &[]));
    }

    match syntax::format(&source) {
        Err(_) => assert!(diagnostics.has_errors()),
        Ok(once) => {
            let twice = syntax::format(&Source::new("again", once.clone()));
            assert_eq!(twice.expect("what was formatted parses"), once);
        }
    }
});
