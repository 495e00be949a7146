//! Expressions.

use super::{MAX_NESTING, Parsed, Parser};
use crate::ast::{BinaryOp, Expr, ExprKind, Field, UnaryOp};
use crate::diagnostic::Diagnostic;
use crate::lexer::TokenKind;
use crate::source::Span;
use crate::value::Value;

/// How long a chain such as `a + b + c` or `a.b.c` may be: each link makes the tree one deeper.
const MAX_CHAIN: usize = 2 * MAX_NESTING;

/// How deep the tree of one expression may be, nesting and chains together: what is safe to walk
/// on a small stack.
const MAX_DEPTH: usize = 4 * MAX_NESTING;

/// An expression and how deep its tree is.
type Deep = (Expr, usize);

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.binary(0)).map(|(expr, _)| expr)
    }

    fn deep(&mut self) -> Parsed<Deep> {
        self.nested(|parser| parser.binary(0))
    }

    fn bounded(&mut self, expr: Expr, depth: usize) -> Parsed<Deep> {
        if depth <= MAX_DEPTH {
            return Ok((expr, depth));
        }
        let message = format!("this expression is deeper than {MAX_DEPTH} levels");
        self.diagnostics.push(Diagnostic::error(message, &expr.span));
        Err(super::Reported)
    }

    /// Operators that bind tighter than `above`.
    fn binary(&mut self, above: u8) -> Parsed<Deep> {
        let (mut left, mut depth) = self.unary()?;
        let mut links = 0;
        while let Some(operator) = self.operator().filter(|one| one.precedence() > above) {
            links += 1;
            if links > MAX_CHAIN {
                let message = format!("more than {MAX_CHAIN} operators in a row");
                return Err(self.report(message));
            }
            let place = self.next().span;
            // The only operator that groups from the right is the tightest.
            let (right, right_depth) = match operator {
                BinaryOp::Power => {
                    self.nested(|parser| parser.binary(operator.precedence() - 1))?
                }
                _ => self.binary(operator.precedence())?,
            };
            let span = left.span.to(&right.span);
            let kind = ExprKind::Binary(Box::new(left), operator, place, Box::new(right));
            (left, depth) = self.bounded(Expr { kind, span }, depth.max(right_depth) + 1)?;
        }
        Ok((left, depth))
    }

    fn operator(&self) -> Option<BinaryOp> {
        let TokenKind::Mark(mark) = self.peek() else { return None };
        Some(match *mark {
            "||" => BinaryOp::Or,
            "&&" => BinaryOp::And,
            "==" => BinaryOp::Equal,
            "!=" => BinaryOp::NotEqual,
            "<" => BinaryOp::Less,
            "<=" => BinaryOp::LessEqual,
            ">" => BinaryOp::Greater,
            ">=" => BinaryOp::GreaterEqual,
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Subtract,
            "*" => BinaryOp::Multiply,
            "/" => BinaryOp::Divide,
            "%" => BinaryOp::Modulo,
            "^" => BinaryOp::Power,
            _ => return None,
        })
    }

    fn unary(&mut self) -> Parsed<Deep> {
        match self.peek() {
            TokenKind::Mark("!") => self.prefixed(UnaryOp::Not),
            TokenKind::Mark("-") => self.prefixed(UnaryOp::Negate),
            _ => self.postfix(),
        }
    }

    fn prefixed(&mut self, operator: UnaryOp) -> Parsed<Deep> {
        let place = self.next().span;
        let (operand, depth) = self.nested(Self::unary)?;
        let span = place.to(&operand.span);
        let kind = ExprKind::Unary(operator, Box::new(operand));
        self.bounded(Expr { kind, span }, depth + 1)
    }

    fn postfix(&mut self) -> Parsed<Deep> {
        let mut deep = self.primary()?;
        for _ in 0..MAX_CHAIN {
            deep = match self.peek() {
                TokenKind::Mark(".") => self.access(deep)?,
                TokenKind::Mark("[") => self.index(deep)?,
                TokenKind::Mark("(") => self.call(deep)?,
                _ => return Ok(deep),
            };
        }
        let message = format!("more than {MAX_CHAIN} fields, indices and calls in a row");
        Err(self.report(message))
    }

    fn access(&mut self, (expr, depth): Deep) -> Parsed<Deep> {
        self.next();
        let field = self.identifier("the name of a field")?;
        let span = expr.span.to(&field.span);
        let kind = ExprKind::Access(Box::new(expr), field);
        self.bounded(Expr { kind, span }, depth + 1)
    }

    fn index(&mut self, (expr, depth): Deep) -> Parsed<Deep> {
        self.next();
        let (index, inner) = self.deep()?;
        let span = expr.span.to(&self.expect("]")?);
        let kind = ExprKind::Index(Box::new(expr), Box::new(index));
        self.bounded(Expr { kind, span }, depth.max(inner) + 1)
    }

    fn call(&mut self, (expr, depth): Deep) -> Parsed<Deep> {
        self.next();
        let (arguments, end, inner) = self.list(")", Self::deep)?;
        let span = expr.span.to(&end);
        let kind = ExprKind::Call(Box::new(expr), arguments);
        self.bounded(Expr { kind, span }, depth.max(inner) + 1)
    }

    fn primary(&mut self) -> Parsed<Deep> {
        match self.peek() {
            TokenKind::Literal(_) | TokenKind::Identifier => Ok((self.leaf(), 1)),
            TokenKind::Mark("(") => self.paren(),
            TokenKind::Mark("[") => self.array(),
            TokenKind::Mark("{") => self.object(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn leaf(&mut self) -> Expr {
        let token = self.next();
        let kind = match token.kind {
            TokenKind::Literal(value) => ExprKind::Literal(value),
            _ => ExprKind::Identifier(token.span.text().into()),
        };
        Expr { kind, span: token.span }
    }

    fn paren(&mut self) -> Parsed<Deep> {
        let start = self.next().span;
        let (inner, depth) = self.deep()?;
        let span = start.to(&self.expect(")")?);
        self.bounded(Expr { kind: ExprKind::Paren(Box::new(inner)), span }, depth + 1)
    }

    fn array(&mut self) -> Parsed<Deep> {
        let start = self.next().span;
        let (elements, end, depth) = self.list("]", Self::deep)?;
        let span = start.to(&end);
        self.bounded(Expr { kind: ExprKind::Array(elements), span }, depth + 1)
    }

    fn object(&mut self) -> Parsed<Deep> {
        let start = self.next().span;
        let (fields, end, depth) = self.list("}", Self::field)?;
        self.warn_of_doubles(&fields);
        let span = start.to(&end);
        self.bounded(Expr { kind: ExprKind::Object(fields), span }, depth + 1)
    }

    /// What stands between brackets, separated by commas; the opening one has been taken.
    fn list<T>(
        &mut self,
        close: &'static str,
        element: fn(&mut Self) -> Parsed<(T, usize)>,
    ) -> Parsed<(Vec<T>, Span, usize)> {
        let (mut elements, mut deepest) = (Vec::new(), 0);
        loop {
            if self.is(close) {
                return Ok((elements, self.next().span, deepest));
            }
            let (one, depth) = element(self)?;
            elements.push(one);
            deepest = deepest.max(depth);
            if self.is(",") {
                self.next();
            } else if self.peek() == &TokenKind::Terminator && self.continues(close) {
                self.report("expected \",\" before the end of the line");
                self.next();
            } else if !self.is(close) {
                return Err(self.unexpected(&format!("\",\" or {close:?}")));
            }
        }
    }

    /// Whether a list that breaks off at a line's end goes on in the next line: its closing
    /// bracket, or something that is not the beginning of a statement.
    fn continues(&self, close: &str) -> bool {
        if self.is_at(1, close) {
            return true;
        }
        let mut ahead = 1;
        match self.peek_at(ahead) {
            TokenKind::Identifier => {}
            TokenKind::Literal(_) => return true,
            TokenKind::Mark(mark) => return matches!(*mark, "{" | "[" | "("),
            _ => return false,
        }
        while self.is_at(ahead + 1, ".") && self.peek_at(ahead + 2) == &TokenKind::Identifier {
            ahead += 2;
        }
        let is_field = close == "}" && ahead == 1 && self.is_at(2, "=");
        let starts_statement = self.is_at(ahead + 1, "=")
            || self.is_at(ahead + 1, "{")
            || matches!(self.peek_at(ahead + 1), TokenKind::Literal(Value::String(_)));
        is_field || !starts_statement
    }

    fn field(&mut self) -> Parsed<(Field, usize)> {
        let key_span = self.token().span.clone();
        let key = match self.peek() {
            TokenKind::Identifier => key_span.text().into(),
            TokenKind::Literal(Value::String(text)) if key_span.text().starts_with('"') => {
                text.clone()
            }
            _ => return Err(self.unexpected("a field: a name or a string")),
        };
        self.next();
        if self.is(":") {
            let reported = self.report("expected \"=\", found \":\"");
            return Err(reported);
        }
        self.expect("=")?;
        let (value, depth) = self.deep()?;
        Ok((Field { key, key_span, value }, depth))
    }

    fn warn_of_doubles(&mut self, fields: &[Field]) {
        let mut seen = std::collections::BTreeMap::new();
        for field in fields {
            if let Some(first) = seen.insert(&*field.key, &field.key_span) {
                let message = format!("the field {:?} is set twice; the last counts", field.key);
                let warning = Diagnostic::warning(message, &field.key_span);
                self.diagnostics.push(warning.note("it is set first here", first));
            }
        }
    }
}
