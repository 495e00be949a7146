//! The configuration language: lexer, parser, formatter, values, evaluator and typed arguments, pure.
