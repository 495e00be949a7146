//! Reading the attributes of a declaration.

use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, ExprLit, Field, GenericArgument, Lit, LitStr, Meta, PathArguments, Type,
};

/// What `#[arg(..)]` says about a field.
#[derive(Default)]
pub(crate) struct Arg {
    pub(crate) rename: Option<String>,
    pub(crate) default: Option<Default_>,
    pub(crate) stability: Option<syn::Ident>,
    pub(crate) kind: Option<Expr>,
    pub(crate) serde: bool,
    pub(crate) block: bool,
    pub(crate) blocks: bool,
    pub(crate) label: bool,
    pub(crate) squash: bool,
}

/// `default` or `default = EXPR`
pub(crate) enum Default_ {
    OfType,
    Expr(Box<Expr>),
}

impl Arg {
    pub(crate) fn of(field: &Field) -> syn::Result<Self> {
        let mut arg = Self::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("arg")) {
            attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match name.as_str() {
                    "rename" => arg.rename = Some(meta.value()?.parse::<LitStr>()?.value()),
                    "default" if meta.input.peek(syn::Token![=]) => {
                        arg.default = Some(Default_::Expr(Box::new(meta.value()?.parse()?)));
                    }
                    "default" => arg.default = Some(Default_::OfType),
                    "stability" => arg.stability = Some(meta.value()?.parse()?),
                    "kind" => arg.kind = Some(meta.value()?.parse()?),
                    "serde" => arg.serde = true,
                    "block" => arg.block = true,
                    "blocks" => arg.blocks = true,
                    "label" => arg.label = true,
                    "squash" => arg.squash = true,
                    _ => return Err(meta.error("unknown argument attribute")),
                }
                Ok(())
            })?;
        }
        arg.check(field)?;
        Ok(arg)
    }

    fn check(&self, field: &Field) -> syn::Result<()> {
        let shapes = [self.block, self.blocks, self.label, self.squash];
        if shapes.iter().filter(|shape| **shape).count() > 1 {
            return Err(syn::Error::new(
                field.span(),
                "a field is one of block, blocks, label and squash",
            ));
        }
        let given = self.default.is_some() || self.serde || self.kind.is_some();
        if (self.blocks || self.label || self.squash) && given {
            return Err(syn::Error::new(
                field.span(),
                "default, serde and kind are for attributes",
            ));
        }
        if self.block && matches!(self.default, Some(Default_::Expr(_))) {
            return Err(syn::Error::new(
                field.span(),
                "a block takes its defaults from its own fields: write `default` alone",
            ));
        }
        Ok(())
    }
}

/// The comment on a declaration, its lines joined into paragraphs.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        if !pair.path.is_ident("doc") {
            continue;
        }
        if let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value {
            let line = line.value();
            let line = line.trim();
            let gap = match (text.is_empty() || text.ends_with('\n'), line.is_empty()) {
                (true, _) => "",
                (false, true) => "\n",
                (false, false) => " ",
            };
            text.push_str(gap);
            text.push_str(line);
        }
    }
    text.trim().to_owned()
}

/// The `T` of `Wrapper<T>`.
pub(crate) fn inner<'a>(kind: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(path) = kind else { return None };
    let segment = path.path.segments.last()?;
    if segment.ident != wrapper {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// `generally_available` and the like as a variant of `syntax::Stability`.
pub(crate) fn stability(level: Option<&syn::Ident>) -> syn::Result<proc_macro2::TokenStream> {
    use quote::quote;
    let Some(level) = level else { return Ok(quote!(::syntax::Stability::GenerallyAvailable)) };
    match level.to_string().as_str() {
        "experimental" => Ok(quote!(::syntax::Stability::Experimental)),
        "public_preview" => Ok(quote!(::syntax::Stability::PublicPreview)),
        _ => Err(syn::Error::new(level.span(), "experimental or public_preview")),
    }
}

/// The fields of a struct with named fields.
pub(crate) fn named(input: &syn::DeriveInput) -> syn::Result<Vec<&Field>> {
    if let syn::Data::Struct(data) = &input.data
        && let syn::Fields::Named(fields) = &data.fields
        && input.generics.params.is_empty()
    {
        return Ok(fields.named.iter().collect());
    }
    Err(syn::Error::new(input.span(), "a struct with named fields and no generics is needed"))
}
