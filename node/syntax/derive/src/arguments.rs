//! `#[derive(Arguments)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Expr, ExprLit, Field, Lit, Path};

use crate::attributes::{Arg, Default_, doc, inner, named, stability};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let container = Container::of(input)?;
    let fields = named(input)?;
    let ident = &input.ident;
    let mut parts = Vec::new();
    for field in &fields {
        parts.push(Part::of(field)?);
    }

    let names: Vec<_> = fields.iter().filter_map(|field| field.ident.as_ref()).collect();
    let decoders = parts.iter().map(|part| &part.decode);
    let docs = parts.iter().map(|part| &part.reference);
    let validated =
        container.validate.map(|path| quote!(let value = fields.validate(value, #path);));
    let default = if container.default { Some(default_impl(ident, &names, &parts)?) } else { None };
    Ok(quote! {
        impl ::syntax::Arguments for #ident {
            fn reference() -> ::std::vec::Vec<::syntax::FieldDoc> {
                let mut fields = ::std::vec::Vec::new();
                #(#docs)*
                fields
            }

            fn from_fields(fields: &mut ::syntax::Fields<'_>) -> ::std::option::Option<Self> {
                // Every field is taken before the first that nothing can stand in for ends it.
                #(let #names = #decoders;)*
                let value = Self { #(#names: #names?),* };
                #validated
                ::std::option::Option::Some(value)
            }
        }
        #default
    })
}

#[derive(Default)]
struct Container {
    validate: Option<Path>,
    default: bool,
}

impl Container {
    fn of(input: &DeriveInput) -> syn::Result<Self> {
        let mut container = Self::default();
        for attribute in input.attrs.iter().filter(|one| one.path().is_ident("arguments")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("validate") {
                    container.validate = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("default") {
                    container.default = true;
                } else {
                    return Err(meta.error("validate = path, or default"));
                }
                Ok(())
            })?;
        }
        Ok(container)
    }
}

/// What one field becomes.
struct Part {
    decode: TokenStream,
    reference: TokenStream,
    /// None if the field has no default.
    default: Option<TokenStream>,
    ident: syn::Ident,
}

impl Part {
    fn of(field: &Field) -> syn::Result<Self> {
        let arg = Arg::of(field)?;
        let ident = field.ident.clone().ok_or_else(|| syn::Error::new_spanned(field, "a name"))?;
        let plain = ident.to_string();
        let name = arg.rename.clone().unwrap_or_else(|| plain.trim_start_matches("r#").to_owned());
        let doc = doc(&field.attrs);
        let level = stability(arg.stability.as_ref())?;
        let described = Described { name: &name, doc: &doc, level: &level };
        let (decode, reference, default) = if arg.squash {
            squash(field)
        } else if arg.label {
            label(field, &described)
        } else if arg.blocks {
            blocks(field)
        } else if arg.block {
            block(field, &arg, &described)
        } else {
            attribute(field, &arg, &described)
        };
        Ok(Self { decode, reference, default, ident })
    }
}

struct Described<'a> {
    name: &'a str,
    doc: &'a str,
    level: &'a TokenStream,
}

impl Described<'_> {
    fn field(&self, kind: &TokenStream, required: bool, default: &TokenStream) -> TokenStream {
        let Self { name, doc, level } = self;
        quote! {
            fields.push(::syntax::FieldDoc {
                name: #name,
                kind: #kind,
                required: #required,
                default: #default,
                doc: #doc,
                stability: #level,
            });
        }
    }
}

type Pieces = (TokenStream, TokenStream, Option<TokenStream>);

fn squash(field: &Field) -> Pieces {
    let kind = &field.ty;
    (
        quote!(<#kind as ::syntax::Arguments>::from_fields(fields)),
        quote!(fields.extend(<#kind as ::syntax::Arguments>::reference());),
        Some(quote!(<#kind as ::std::default::Default>::default())),
    )
}

fn label(field: &Field, described: &Described<'_>) -> Pieces {
    let optional = inner(&field.ty, "Option").is_some();
    let decode = if optional { quote!(fields.optional_label()) } else { quote!(fields.label()) };
    let none = quote!(::std::option::Option::None);
    let reference = described.field(&quote!(::syntax::FieldKind::Label), !optional, &none);
    (decode, reference, optional.then_some(none))
}

fn blocks(field: &Field) -> Pieces {
    let Some(element) = inner(&field.ty, "Vec") else {
        let error = syn::Error::new_spanned(&field.ty, "a Vec of an enum of blocks is needed");
        return (error.into_compile_error(), TokenStream::new(), None);
    };
    (
        quote!(fields.ordered::<#element>()),
        quote!(fields.extend(<#element as ::syntax::Blocks>::reference());),
        Some(quote!(::std::vec::Vec::new())),
    )
}

fn block(field: &Field, arg: &Arg, described: &Described<'_>) -> Pieces {
    let name = described.name;
    let none = quote!(::std::option::Option::None);
    let (element, method, required, repeated, default) =
        if let Some(element) = inner(&field.ty, "Option") {
            (element, quote!(optional_block), false, false, Some(none.clone()))
        } else if let Some(element) = inner(&field.ty, "Vec") {
            (element, quote!(repeated), false, true, Some(quote!(::std::vec::Vec::new())))
        } else if arg.default.is_some() {
            let default = quote!(::std::default::Default::default());
            (&field.ty, quote!(block_or_empty), false, false, Some(default))
        } else {
            (&field.ty, quote!(block), true, false, None)
        };
    let boxed = inner(element, "Box");
    let kind = boxed.unwrap_or(element);
    let docs = described.field(
        &quote!(::syntax::FieldKind::Block {
            repeated: #repeated,
            nested: <#kind as ::syntax::Arguments>::reference,
        }),
        required,
        &none,
    );
    let gate = gate(arg, described, &none);
    (quote!({ #gate fields.#method::<#kind>(#name) }), docs, default)
}

fn attribute(field: &Field, arg: &Arg, described: &Described<'_>) -> Pieces {
    let (name, kind) = (described.name, &field.ty);
    let optional = inner(kind, "Option").is_some();
    let way = if arg.serde { quote!(serde) } else { quote!(typed) };
    let converter = quote!(&::syntax::Converter::<#kind>::#way());
    let default = match &arg.default {
        Some(Default_::OfType) => Some(quote!(<#kind as ::std::default::Default>::default())),
        Some(Default_::Expr(expr)) => Some(match &**expr {
            Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
                quote!(<#kind as ::std::convert::From<&str>>::from(#expr))
            }
            expr => quote!(#expr),
        }),
        None if optional => Some(quote!(::std::option::Option::None)),
        None => None,
    };
    let none = quote!(::std::option::Option::None);
    let shown = match (&default, arg.default.is_some()) {
        (Some(default), true) if arg.serde => quote!(::syntax::shown_by_serde::<#kind>(&#default)),
        (Some(default), true) => {
            quote!(::std::option::Option::Some(<#kind as ::syntax::IntoValue>::to_value(&#default)))
        }
        _ => none.clone(),
    };
    let shape = match (&arg.kind, arg.serde) {
        (Some(given), _) => quote!(#given),
        (None, true) => quote!(::syntax::Type::String),
        (None, false) => quote!(<#kind as ::syntax::FromValue>::kind()),
    };
    let reference =
        described.field(&quote!(::syntax::FieldKind::Attribute(#shape)), default.is_none(), &shown);
    let gate = gate(arg, described, &shown);
    let decode = match &default {
        Some(default) if arg.default.is_some() => {
            quote!({ #gate fields.optional(#name, #converter, || #default) })
        }
        Some(_) => quote!({ #gate fields.maybe(#name, #converter) }),
        None => quote!({ #gate fields.required(#name, #converter) }),
    };
    (decode, reference, default)
}

fn gate(arg: &Arg, described: &Described<'_>, default: &TokenStream) -> Option<TokenStream> {
    let (name, level) = (described.name, described.level);
    arg.stability.as_ref().map(|_| quote!(fields.gate(#name, #level, #default);))
}

fn default_impl(
    ident: &syn::Ident,
    names: &[&syn::Ident],
    parts: &[Part],
) -> syn::Result<TokenStream> {
    let mut defaults = Vec::new();
    for part in parts {
        let message = "a struct with a default needs one for every field";
        let missing = || syn::Error::new(part.ident.span(), message);
        defaults.push(part.default.as_ref().ok_or_else(missing)?);
    }
    Ok(quote! {
        impl ::std::default::Default for #ident {
            fn default() -> Self {
                Self { #(#names: #defaults),* }
            }
        }
    })
}
