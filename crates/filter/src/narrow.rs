//! Values that are clicked rather than typed: adding them to a filter's text, and finding them in it.
//!
//! A facet lists the values of one [`Subject`]. What is clicked becomes a part of the text, so that
//! the text stays the one truth: values of a subject are joined with `or`, different subjects must
//! all hold, and what is excluded stands behind a `-`. Parts that say something else stay as they
//! were typed.

use crate::ast::{Comparison, Expr, Operand, Pattern, Status, Term};
use crate::error::FilterError;
use crate::parse::{Part, parts};

/// What a facet lists the values of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Tags; a profile may have several.
    Tags,
    /// Where profiles stand with the relay.
    Status,
    /// An attribute, by its key.
    Attribute(String),
    /// Ids.
    Id,
    /// Display names.
    Name,
    /// How many observations there are.
    Observations,
}

/// What a click on a value asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    /// This value too, beside the chosen ones of its subject: any of them.
    Any,
    /// This value, whatever else is chosen.
    All,
    /// Not this value.
    Not,
    /// The text no longer says anything of this value.
    Drop,
}

/// The values of a subject that a filter names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chosen {
    /// Those that it asks for.
    pub with: Vec<Expr>,
    /// Those that it excludes.
    pub without: Vec<Expr>,
}

impl Term {
    /// What the term is about, where a facet could list it.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Tag(_) => Some(Subject::Tags),
            Self::Status(_) => Some(Subject::Status),
            Self::Has(key) | Self::Attribute { key, .. } => Some(Subject::Attribute(key.clone())),
            Self::Id(_) => Some(Subject::Id),
            Self::Name(_) => Some(Subject::Name),
            Self::Observations(..) => Some(Subject::Observations),
            _ => None,
        }
    }
}

impl Expr {
    /// The value `tag`.
    #[must_use]
    pub fn tag(tag: &str) -> Self {
        Self::Term(Term::Tag(Pattern::Exact(tag.to_owned())))
    }

    /// A status.
    #[must_use]
    pub fn status(status: Status) -> Self {
        Self::Term(Term::Status(status))
    }

    /// An attribute with that value.
    #[must_use]
    pub fn attribute(key: &str, operand: Operand) -> Self {
        let (key, comparison) = (key.to_owned(), Comparison::Equal);
        Self::Term(Term::Attribute { key, comparison, operand })
    }

    /// Profiles without the attribute.
    #[must_use]
    pub fn without_attribute(key: &str) -> Self {
        Self::Not(Box::new(Self::Term(Term::Has(key.to_owned()))))
    }

    /// What holds where this does not.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The expression without the parts that are about `subject` alone: what its facet counts in.
    #[must_use]
    pub fn apart_from(self, subject: &Subject) -> Self {
        match self {
            Self::All(parts) => {
                let mut kept: Vec<Self> =
                    parts.into_iter().filter(|part| !part.is_about(subject)).collect();
                if kept.len() == 1 { kept.remove(0) } else { Self::All(kept) }
            }
            whole if whole.is_about(subject) => Self::All(Vec::new()),
            whole => whole,
        }
    }

    /// The values of `subject` that stand among the parts of the expression.
    #[must_use]
    pub fn chosen(&self, subject: &Subject) -> Chosen {
        let parts = match self {
            Self::All(parts) => parts.as_slice(),
            whole => std::slice::from_ref(whole),
        };
        let mut chosen = Chosen::default();
        for part in parts {
            if let Some(values) = part.choice(subject) {
                chosen.with.extend(values.iter().cloned());
            } else {
                let value = part.clone().negated();
                if value.is_value(subject) {
                    chosen.without.push(value);
                }
            }
        }
        chosen
    }

    fn is_about(&self, subject: &Subject) -> bool {
        let mut terms = self.terms().peekable();
        terms.peek().is_some() && terms.all(|term| term.subject().as_ref() == Some(subject))
    }

    /// Whether it names one value of the subject, as a click does.
    fn is_value(&self, subject: &Subject) -> bool {
        let is_exact = |pattern: &Pattern| matches!(pattern, Pattern::Exact(_));
        match self {
            Self::Term(term) if term.subject().as_ref() == Some(subject) => match term {
                Term::Tag(pattern) | Term::Id(pattern) | Term::Name(pattern) => is_exact(pattern),
                Term::Status(_) => true,
                Term::Observations(comparison, _) => *comparison == Comparison::Equal,
                Term::Attribute { comparison: Comparison::Equal, operand, .. } => match operand {
                    Operand::Text(pattern) => is_exact(pattern),
                    _ => true,
                },
                _ => false,
            },
            // That an attribute is missing counts as a value of it.
            Self::Not(inner) => {
                matches!(&**inner, Self::Term(Term::Has(key))
                    if *subject == Subject::Attribute(key.clone()))
            }
            _ => false,
        }
    }

    /// The values of a part that asks for one of them, or for any of several.
    fn choice(&self, subject: &Subject) -> Option<&[Self]> {
        match self {
            Self::Any(values) if values.iter().all(|value| value.is_value(subject)) => Some(values),
            value if value.is_value(subject) => Some(std::slice::from_ref(value)),
            _ => None,
        }
    }
}

/// The text of a filter with a value added or taken out. `value` is what [`Expr::tag`] and its
/// neighbours make, or any term of a [`Subject`].
///
/// # Errors
/// [`FilterError`] where the text does not parse.
pub fn narrow(text: &str, value: &Expr, how: Narrow) -> Result<String, FilterError> {
    let mut parts = parts(text)?;
    let subject = value.terms().next().and_then(Term::subject);
    let Some(subject) = subject else { return Ok(text.to_owned()) };
    let excluded = value.clone().negated();
    if how != Narrow::Not {
        parts.retain(|part| part.expr != excluded);
    }
    let is_there = match how {
        Narrow::Any => add_to_choice(&mut parts, &subject, value),
        Narrow::All => parts.iter().any(|part| part.expr == *value),
        Narrow::Not | Narrow::Drop => {
            parts.retain_mut(|part| take_out(part, &subject, value));
            how == Narrow::Drop || parts.iter().any(|part| part.expr == excluded)
        }
    };
    if !is_there {
        parts.push(written(if how == Narrow::Not { excluded } else { value.clone() }));
    }
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    Ok(texts.join(" "))
}

/// Adds a value to the first choice of its subject; says whether there is one.
fn add_to_choice(parts: &mut [Part], subject: &Subject, value: &Expr) -> bool {
    for part in parts {
        let Some(values) = part.expr.choice(subject) else { continue };
        if !values.contains(value) {
            let mut more = values.to_vec();
            more.push(value.clone());
            *part = written(Expr::Any(more));
        }
        return true;
    }
    false
}

/// Takes a value out of a choice; says whether anything is left of it.
fn take_out(part: &mut Part, subject: &Subject, value: &Expr) -> bool {
    let Some(values) = part.expr.choice(subject).filter(|values| values.contains(value)) else {
        return true;
    };
    let mut left: Vec<Expr> = values.iter().filter(|one| *one != value).cloned().collect();
    match left.len() {
        0 => return false,
        1 => *part = written(left.remove(0)),
        _ => *part = written(Expr::Any(left)),
    }
    true
}

/// A part that others can stand beside.
fn written(expr: Expr) -> Part {
    let text = match &expr {
        Expr::Any(values) if values.len() > 1 => format!("({expr})"),
        one => one.to_string(),
    };
    Part { text, expr }
}
