//! Expressions without terms that can hold for nothing any more.

use crate::ast::{Expr, Term};

impl Expr {
    /// The expression where the terms that `gone` names hold for nothing, written without them: what
    /// it holds for stays the same as long as they do.
    #[must_use]
    pub fn where_gone(self, gone: &impl Fn(&Term) -> bool) -> Self {
        match self {
            Self::Term(term) if gone(&term) => Self::Any(Vec::new()),
            Self::Term(term) => Self::Term(term),
            Self::Not(inner) => match inner.where_gone(gone) {
                inner if inner.is_nothing() => Self::All(Vec::new()),
                inner if inner.is_everything() => Self::Any(Vec::new()),
                inner => Self::Not(Box::new(inner)),
            },
            Self::All(parts) => {
                let mut parts: Vec<Self> =
                    parts.into_iter().map(|part| part.where_gone(gone)).collect();
                if parts.iter().any(Self::is_nothing) {
                    return Self::Any(Vec::new());
                }
                parts.retain(|part| !part.is_everything());
                if parts.len() == 1 { parts.remove(0) } else { Self::All(parts) }
            }
            Self::Any(parts) => {
                let mut parts: Vec<Self> =
                    parts.into_iter().map(|part| part.where_gone(gone)).collect();
                if parts.iter().any(Self::is_everything) {
                    return Self::All(Vec::new());
                }
                parts.retain(|part| !part.is_nothing());
                if parts.len() == 1 { parts.remove(0) } else { Self::Any(parts) }
            }
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Any(parts) if parts.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::ast::{Pattern, Term};
    use crate::parse;

    #[test]
    fn what_names_one_is_taken_out_and_the_rest_stays() {
        let gone = |term: &Term| matches!(term, Term::Id(Pattern::Exact(id)) if id == "x");
        for (before, after) in [
            ("id:x", "-id:*"),
            ("-id:x", ""),
            ("id:x or tag:vip", "tag:vip"),
            ("tag:vip -id:x", "tag:vip"),
            ("tag:vip id:x", "-id:*"),
            ("tag:vip (id:x or id:y or status:conflict)", "tag:vip (id:y or status:conflict)"),
            ("-(id:x or tag:vip)", "-tag:vip"),
            ("id:x* tag:vip", "id:x* tag:vip"),
        ] {
            let expr = parse(before).unwrap().where_gone(&gone);
            assert_eq!(expr.to_string(), after, "of {before}");
            assert_eq!(parse(after).unwrap().where_gone(&gone).to_string(), after);
        }
    }
}
