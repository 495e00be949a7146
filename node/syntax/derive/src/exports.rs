//! `#[derive(Exports)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::attributes::{doc, named};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let ident = &input.ident;
    let (mut docs, mut entries) = (Vec::new(), Vec::new());
    for field in named(input)? {
        let Some(name) = &field.ident else { continue };
        let (text, doc, kind) = (name.to_string(), doc(&field.attrs), &field.ty);
        docs.push(quote! {
            ::syntax::FieldDoc {
                name: #text,
                kind: ::syntax::FieldKind::Attribute(<#kind as ::syntax::FromValue>::kind()),
                required: true,
                default: ::std::option::Option::None,
                doc: #doc,
                stability: ::syntax::Stability::GenerallyAvailable,
            }
        });
        entries.push(quote!((#text, ::syntax::IntoValue::to_value(&self.#name))));
    }
    Ok(quote! {
        impl ::syntax::Exports for #ident {
            fn reference() -> ::std::vec::Vec<::syntax::FieldDoc> {
                ::std::vec![#(#docs),*]
            }

            fn to_value(&self) -> ::syntax::Value {
                ::syntax::Value::object::<&str>([#(#entries),*])
            }
        }
    })
}
