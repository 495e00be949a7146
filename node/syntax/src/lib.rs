//! The configuration language, pure: text in, typed arguments or all mistakes out.
//!
//! ```
//! use syntax::{Arguments, Host, Scope, Source, Stability};
//!
//! /// What `example` takes.
//! #[derive(Arguments, Debug)]
//! struct Example {
//!     /// Where to send to.
//!     url: String,
//!     /// How long to wait.
//!     #[arg(default = std::time::Duration::from_secs(10))]
//!     timeout: std::time::Duration,
//! }
//!
//! let source = Source::new("example.alloy", "example \"one\" {\n  url = \"http://\" + constants.hostname\n}\n");
//! let (file, mistakes) = syntax::parse(&source);
//! assert!(mistakes.is_empty());
//!
//! let host = Host { hostname: "here".to_owned(), ..Host::default() };
//! let scope = Scope::new(&host, Stability::GenerallyAvailable);
//! let block = file.body.blocks().next().expect("one block");
//! let example: Example = syntax::decode(block, &scope).expect("it is right");
//! assert_eq!(example.url, "http://here");
//! assert_eq!(example.timeout.as_secs(), 10);
//! ```
//!
//! The way of a configuration:
//!
//! 1. [`parse`] makes an [`ast::File`] of a [`Source`] and reports every mistake of it;
//! 2. [`references`] says which names a body reads, so that a graph can order its nodes;
//! 3. [`Evaluated::new`] evaluates a block in a [`Scope`]: what it holds can be compared, shown
//!    ([`json::Body::of`]) and decoded;
//! 4. [`decode`] makes of it a type that derives [`Arguments`], or says all that is wrong.

extern crate self as syntax;

pub mod ast;
mod choice;
mod convert;
mod decode;
mod diagnostic;
mod eval;
mod format;
pub mod go;
pub mod json;
mod kind;
mod lexer;
mod parser;
mod reference;
mod references;
mod scope;
mod source;
mod stdlib;
mod value;

pub use syntax_derive::{Arguments, Blocks, Choice, Exports};

pub use choice::choose;
pub use convert::{ByteSize, FromValue, IntoValue, Mismatch, Mistake, Step, convert_all};
pub use decode::{
    Arguments, Blocks, Converter, Entry, Evaluated, EvaluatedAttribute, EvaluatedBlock, Exports,
    Fields, Problems, check, decode, decode_evaluated,
};
pub use diagnostic::{Diagnostic, Diagnostics, Note, Severity, did_you_mean};
pub use eval::evaluate;
pub use format::format;
pub use kind::Type;
pub use parser::{MAX_NESTING, parse, parse_expression};
pub use reference::{FieldDoc, FieldKind};
pub use references::{Traversal, references};
pub use scope::{Host, Scope, Variables};
pub use source::{MAX_SOURCE, Position, Source, Span};
pub use value::{
    CallError, Capsule, CapsuleValue, Check, Function, Number, Object, OptionalSecret, Secret,
    Signature, Stability, Value, format_float, from_serde, shown_by_serde,
};
