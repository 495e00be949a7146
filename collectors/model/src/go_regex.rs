//! Regular expressions in the dialect that configurations are written in: Go's.
//!
//! Users bring patterns that were written for Go's `regexp`. The engine here is Rust's, which is as
//! linear in time but reads a slightly different language. [`parse`] reads Go's and hands the engine
//! the same meaning, and refuses what Go refuses, so that a pattern neither changes what it matches
//! nor passes here and fails there.
//!
//! One thing is wider than in Go: `\p{..}` knows every Unicode property that the engine knows.
//!
//! ```
//! use model::go_regex::Anchored;
//!
//! let digits = Anchored::new(r"\d+").unwrap();
//! assert!(digits.is_match("42"));
//! assert!(!digits.is_match("٤٢"), "Go's \\d is ASCII");
//! assert!(!digits.is_match("a42"), "the whole text has to match");
//! ```

use regex_automata::meta;
use regex_automata::util::primitives::NonMaxUsize;
use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::{Hir, Look, translate};

mod class;
mod scan;
#[cfg(test)]
mod tests;

/// The longest pattern, in bytes. Go has no such bound; a pattern is written by hand, and this is
/// far beyond any hand.
pub const MAX_PATTERN_LEN: usize = 64 * 1024;

/// The largest compiled pattern, in bytes of heap: what the engine itself takes for its default.
const MAX_PROGRAM_SIZE: usize = 10 * 1024 * 1024;

/// How deep groups may be nested: the engine's default, which bounds its recursion.
const MAX_NESTING: u32 = 250;

/// The largest number of times that repetitions, nested ones multiplied, may repeat: Go's bound.
const MAX_REPEAT: u32 = 1000;

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad regular expression `{pattern}`: {reason} at byte {offset}")]
pub struct Error {
    /// The pattern as it was given, cut after 100 characters.
    pub pattern: String,
    /// What is wrong.
    pub reason: Reason,
    /// Where in the pattern, in bytes.
    pub offset: usize,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Reason {
    #[error("a group is not closed, `)` is missing")]
    MissingParenthesis,
    #[error("`)` without a group to close")]
    UnexpectedParenthesis,
    #[error("a character class is not closed, `]` is missing")]
    MissingBracket,
    #[error("the range in the character class runs backwards or is not a known class")]
    InvalidRange,
    #[error("`{0}` is not an escape sequence; write `\\\\` for a backslash")]
    InvalidEscape(String),
    #[error("the pattern ends in a lone backslash")]
    TrailingBackslash,
    #[error("nothing to repeat before `{0}`")]
    NothingToRepeat(char),
    #[error("a repetition cannot be repeated; put the first into a group")]
    StackedRepetition,
    #[error("a repetition is limited to 1000, nested ones multiplied")]
    RepetitionTooLarge,
    #[error(
        "`(?` begins no group that is known here (look-around and back-references do not exist)"
    )]
    InvalidGroup,
    #[error("a group's name consists of letters, digits and underscores")]
    InvalidGroupName,
    #[error("two groups are named `{0}`")]
    DuplicateGroupName(String),
    #[error("the pattern is longer than 65536 bytes")]
    TooLong,
    #[error("{0}")]
    Engine(String),
}

impl Error {
    fn new(pattern: &str, reason: Reason, offset: usize) -> Self {
        let pattern = match pattern.char_indices().nth(100) {
            Some((end, _)) => format!("{}…", &pattern[..end]),
            None => pattern.to_owned(),
        };
        Self { pattern, reason, offset }
    }
}

/// A pattern that was understood: its meaning, and the names of its groups.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The meaning, in the engine's terms, not anchored.
    pub hir: Hir,
    /// The name of each group, the first being the whole match, which has none.
    pub group_names: Vec<Option<String>>,
}

/// Reads a Go pattern. `dot_all` is the flag `s` at the start: `.` matches a line feed too.
pub fn parse(pattern: &str, dot_all: bool) -> Result<Parsed, Error> {
    if pattern.len() > MAX_PATTERN_LEN {
        return Err(Error::new(pattern, Reason::TooLong, MAX_PATTERN_LEN));
    }
    let scanned = scan::scan(pattern).map_err(|(reason, at)| Error::new(pattern, reason, at))?;
    let engine = |message: String| Error::new(pattern, Reason::Engine(message), 0);
    let ast = ast::parse::ParserBuilder::new()
        .nest_limit(MAX_NESTING)
        .build()
        .parse(&scanned.rust)
        .map_err(|error| engine(error.kind().to_string()))?;
    if !repeats_within(&ast, MAX_REPEAT) {
        return Err(Error::new(pattern, Reason::RepetitionTooLarge, 0));
    }
    let hir = translate::TranslatorBuilder::new()
        .dot_matches_new_line(dot_all)
        .build()
        .translate(&scanned.rust, &ast)
        .map_err(|error| engine(error.kind().to_string()))?;
    Ok(Parsed { hir, group_names: scanned.group_names })
}

/// Whether repetitions, nested ones multiplied, stay within `limit`. Only counted ones multiply;
/// the recursion is as deep as the nesting, which is bounded.
fn repeats_within(ast: &Ast, limit: u32) -> bool {
    let all = |asts: &[Ast]| asts.iter().all(|ast| repeats_within(ast, limit));
    match ast {
        Ast::Repetition(repetition) => {
            let count = counted(&repetition.op.kind);
            count <= limit && repeats_within(&repetition.ast, limit / count.max(1))
        }
        Ast::Group(group) => repeats_within(&group.ast, limit),
        Ast::Concat(concat) => all(&concat.asts),
        Ast::Alternation(alternation) => all(&alternation.asts),
        _ => true,
    }
}

/// The factor that a repetition contributes: its upper bound, or else its lower.
fn counted(kind: &ast::RepetitionKind) -> u32 {
    use ast::{RepetitionKind, RepetitionRange};
    match kind {
        RepetitionKind::Range(
            RepetitionRange::Exactly(n)
            | RepetitionRange::AtLeast(n)
            | RepetitionRange::Bounded(_, n),
        ) => *n,
        _ => 0,
    }
}

/// A compiled pattern that has to match a whole text, as everywhere in relabelling: `^(?s:…)$`.
#[derive(Debug, Clone)]
pub struct Anchored {
    regex: meta::Regex,
}

/// Where the groups of a match begin and end; reused from match to match.
pub type Slots = Vec<Option<NonMaxUsize>>;

impl Anchored {
    /// Compiles a Go pattern.
    pub fn new(pattern: &str) -> Result<Self, Error> {
        Self::from_parsed(pattern, &parse(pattern, true)?)
    }

    /// Compiles what [`parse`] read with `dot_all`; `pattern` is for the error's text.
    pub fn from_parsed(pattern: &str, parsed: &Parsed) -> Result<Self, Error> {
        let anchored =
            Hir::concat(vec![Hir::look(Look::Start), parsed.hir.clone(), Hir::look(Look::End)]);
        let config = meta::Config::new().nfa_size_limit(Some(MAX_PROGRAM_SIZE));
        let regex = meta::Builder::new()
            .configure(config)
            .build_from_hir(&anchored)
            .map_err(|error| Error::new(pattern, Reason::Engine(explain(&error)), 0))?;
        Ok(Self { regex })
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Whether the whole text matches; if so, `slots` holds two positions for each group, as many
    /// groups as `slots` has room for.
    pub fn captures(&self, text: &str, slots: &mut Slots) -> bool {
        self.regex.search_slots(&regex_automata::Input::new(text), slots).is_some()
    }

    /// Positions that all groups take in [`Slots`]: two each, the whole match included.
    pub fn slot_len(&self) -> usize {
        self.regex.group_info().slot_len()
    }
}

fn explain(error: &meta::BuildError) -> String {
    match error.size_limit() {
        Some(limit) => format!("compiled it would be larger than {limit} bytes"),
        None => error.to_string(),
    }
}
