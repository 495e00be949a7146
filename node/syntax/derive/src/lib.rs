//! Derives typed arguments and their reference from one declaration.
//!
//! The crate `syntax` re-exports these derives and documents the attributes they take.

mod arguments;
mod attributes;
mod blocks;
mod choice;
mod exports;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `syntax::Arguments` for a struct with named fields.
#[proc_macro_derive(Arguments, attributes(arg, arguments))]
pub fn arguments(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    arguments::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `syntax::Blocks` for an enum whose variants hold one type of arguments each.
#[proc_macro_derive(Blocks, attributes(block))]
pub fn blocks(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    blocks::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `syntax::FromValue` and `syntax::IntoValue` for an enum of words: a variant is
/// written as its name in snake case, or as `#[choice("word")]` says.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `syntax::Exports` for a struct with named fields.
#[proc_macro_derive(Exports)]
pub fn exports(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    exports::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
