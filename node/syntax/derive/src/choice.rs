//! `#[derive(Choice)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, LitStr};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new(input.span(), "an enum is needed"));
    };
    let (mut words, mut variants) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(syn::Error::new(variant.span(), "a word holds nothing"));
        }
        let given = variant.attrs.iter().find(|attribute| attribute.path().is_ident("choice"));
        words.push(match given {
            Some(attribute) => attribute.parse_args::<LitStr>()?.value(),
            None => snake_case(&variant.ident.to_string()),
        });
        variants.push(&variant.ident);
    }
    let ident = &input.ident;
    Ok(quote! {
        impl #ident {
            /// The words, in the order of the declaration.
            pub const WORDS: &'static [&'static str] = &[#(#words),*];

            /// As it is written.
            pub fn as_str(&self) -> &'static str {
                match self {
                    #(Self::#variants => #words,)*
                }
            }
        }

        impl ::syntax::FromValue for #ident {
            fn kind() -> ::syntax::Type {
                ::syntax::Type::Choice(Self::WORDS)
            }

            fn from_known(value: &::syntax::Value) -> ::std::result::Result<Self, ::syntax::Mismatch> {
                match ::syntax::choose(value, Self::WORDS)? {
                    #(#words => ::std::result::Result::Ok(Self::#variants),)*
                    _ => ::std::unreachable!("choose gives one of the words"),
                }
            }
        }

        impl ::syntax::IntoValue for #ident {
            fn to_value(&self) -> ::syntax::Value {
                ::syntax::Value::string(self.as_str())
            }
        }
    })
}

/// `NoClientCert` to `no_client_cert`.
fn snake_case(name: &str) -> String {
    let mut word = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(c.to_lowercase());
    }
    word
}
