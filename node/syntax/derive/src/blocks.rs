//! `#[derive(Blocks)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, LitStr};

use crate::attributes::{doc, inner, stability};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new(input.span(), "an enum is needed"));
    };
    let ident = &input.ident;
    let (mut docs, mut arms) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        let (name, level) = name_and_stability(&variant.attrs, variant.span())?;
        let level = stability(level.as_ref())?;
        let kind = match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => &fields.unnamed[0].ty,
            _ => return Err(syn::Error::new(variant.span(), "a variant holds one type")),
        };
        let (variant_ident, doc) = (&variant.ident, doc(&variant.attrs));
        let boxed = inner(kind, "Box");
        let kind = boxed.unwrap_or(kind);
        docs.push(quote! {
            ::syntax::FieldDoc {
                name: #name,
                kind: ::syntax::FieldKind::Block {
                    repeated: true,
                    nested: <#kind as ::syntax::Arguments>::reference,
                },
                required: false,
                default: ::std::option::Option::None,
                doc: #doc,
                stability: #level,
            }
        });
        let wrap = boxed.map(|_| quote!(.map(::std::boxed::Box::new)));
        arms.push(quote! {
            #name => <#kind as ::syntax::Arguments>::from_fields(fields)#wrap.map(Self::#variant_ident),
        });
    }
    Ok(quote! {
        impl ::syntax::Blocks for #ident {
            fn reference() -> ::std::vec::Vec<::syntax::FieldDoc> {
                ::std::vec![#(#docs),*]
            }

            fn from_block(name: &str, fields: &mut ::syntax::Fields<'_>) -> ::std::option::Option<Self> {
                match name {
                    #(#arms)*
                    _ => ::std::option::Option::None,
                }
            }
        }
    })
}

/// `#[block("stage.json")]` or `#[block("stage.json", stability = experimental)]`
fn name_and_stability(
    attributes: &[syn::Attribute],
    place: proc_macro2::Span,
) -> syn::Result<(String, Option<syn::Ident>)> {
    let Some(attribute) = attributes.iter().find(|attribute| attribute.path().is_ident("block"))
    else {
        return Err(syn::Error::new(place, "the variant needs #[block(\"name\")]"));
    };
    attribute.parse_args_with(|input: syn::parse::ParseStream<'_>| {
        let name: LitStr = input.parse()?;
        if input.is_empty() {
            return Ok((name.value(), None));
        }
        input.parse::<syn::Token![,]>()?;
        let key: syn::Ident = input.parse()?;
        if key != "stability" {
            return Err(syn::Error::new(key.span(), "stability = level"));
        }
        input.parse::<syn::Token![=]>()?;
        Ok((name.value(), Some(input.parse()?)))
    })
}
