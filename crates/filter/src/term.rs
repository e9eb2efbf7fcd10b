//! A single condition: a field, its operator and its value, or words.

use crate::ast::{Comparison, Expr, Operand, Pattern, Term};
use crate::error::{FilterError, FilterErrorCode as Code};
use crate::free;
use crate::scan::{Name, Operator, Scanner};
use crate::values::{
    Written, error, is_exchanged, is_one_slip, moment, number, operand, pattern, status, unescape,
};

/// Fields that are not attributes.
const FIELDS: &[&str] = &[
    "tag",
    "id",
    "name",
    "status",
    "has",
    "observed",
    "after",
    "before",
    "changed",
    "observations",
    "attributes",
];

/// What begins the name of a score.
const SCORE: &str = "score.";

/// What people take for a field, and the field they mean.
const MISNOMERS: &[(&str, &str)] = &[("tags", "tag"), ("display_name", "name")];

/// Fields up to this length are near too many words that are good names of attributes (`game`,
/// `tax`, `uid`): of them only exchanged letters are taken for a slip.
const SHORT_FIELD: usize = 4;

/// Reads the condition that begins here.
pub(crate) fn read(scanner: &mut Scanner<'_>) -> Result<Expr, FilterError> {
    if scanner.peek() == Some('"') {
        let written = scanner.quoted()?;
        return match scanner.operator() {
            None => free::read(&written),
            Some(_) => Err(quoted_field(scanner, &written)),
        };
    }
    let name = scanner.name()?;
    let Some(operator) = scanner.operator() else {
        if name.is_attribute {
            let message = "a comparison is missing after this: attributes.age>=30";
            return Err(error(name.range, Code::MissingValue, message));
        }
        return free::read(&Written { raw: name.text, is_quoted: false, range: name.range });
    };
    let term = if name.is_attribute {
        attribute(scanner, name.text, &operator)?
    } else {
        field(scanner, name, &operator)?
    };
    Ok(Expr::Term(term))
}

fn quoted_field(scanner: &Scanner<'_>, written: &Written) -> FilterError {
    let field = &scanner.text[written.range.clone()];
    let message = format!("for an attribute of this name write attributes.{field}");
    let mut error = error(written.range.clone(), Code::UnknownField, message);
    error.suggestion = Some(format!("attributes.{field}"));
    error
}

fn field(scanner: &mut Scanner<'_>, name: Name, operator: &Operator) -> Result<Term, FilterError> {
    let comparison = operator.comparison;
    if let "tag" | "id" | "name" | "status" | "has" | "after" | "before" = name.text.as_str()
        && comparison != Comparison::Equal
    {
        return Err(only_equal(&name.text, operator));
    }
    Ok(match name.text.as_str() {
        "tag" => Term::Tag(pattern(&scanner.value(operator)?.raw)),
        "id" => Term::Id(pattern(&scanner.value(operator)?.raw)),
        "name" => Term::Name(pattern(&scanner.value(operator)?.raw)),
        "has" => Term::Has(unescape(&scanner.value(operator)?.raw)),
        "status" => Term::Status(status(&scanner.value(operator)?)?),
        "after" => Term::After(moment(&scanner.value(operator)?)?),
        "before" => Term::Before(moment(&scanner.value(operator)?)?),
        "changed" => Term::Changed(comparison, moment(&scanner.value(operator)?)?),
        "observations" => Term::Observations(comparison, number(&scanner.value(operator)?)?),
        "observed" => return observed(scanner, operator),
        "attributes" => {
            let message = "name the attribute: attributes.city:Bern";
            return Err(error(name.range, Code::UnknownField, message));
        }
        text if text.starts_with(SCORE) => return score(scanner, name, operator),
        _ => match misspelt(&name.text, comparison) {
            Some(field) => return Err(did_you_mean(name, field)),
            None => return attribute(scanner, name.text, operator),
        },
    })
}

fn score(scanner: &mut Scanner<'_>, name: Name, operator: &Operator) -> Result<Term, FilterError> {
    let dimension = name.text.strip_prefix(SCORE).unwrap_or_default().to_owned();
    if dimension.is_empty() {
        let message = "name the dimension: score.agreeableness>0.7";
        return Err(error(name.range, Code::UnknownField, message));
    }
    let value = number(&scanner.value(operator)?)?;
    Ok(Term::Score { name: dimension, comparison: operator.comparison, value })
}

fn only_equal(name: &str, operator: &Operator) -> FilterError {
    let instead = match (name, operator.comparison) {
        (_, Comparison::NotEqual) => format!("; write `not {name}:…`"),
        ("after" | "before", _) => format!(": {name}:2026-01-31"),
        _ => format!("; for an attribute of this name write `attributes.{name}`"),
    };
    let message = format!("`{name}` only goes with `:`{instead}");
    error(operator.range.clone(), Code::NoSuchComparison, message)
}

/// The field that was probably meant by a name that is none. Any name may be an attribute's; but
/// one that looks like a slip would silently find nothing, and `attributes.` is always open.
fn misspelt(name: &str, comparison: Comparison) -> Option<&'static str> {
    let is_slip = |field: &str| {
        if field.len() <= SHORT_FIELD {
            is_exchanged(name, field)
        } else {
            is_one_slip(name, field)
        }
    };
    let misnomer = MISNOMERS.iter().find(|(word, _)| is_exchanged(name, word));
    let field = misnomer
        .map(|(_, field)| *field)
        .or_else(|| FIELDS.iter().copied().find(|field| is_slip(field)))?;
    // Other fields have no order: `tga>3` can only be an attribute.
    let is_meant = comparison == Comparison::Equal || matches!(field, "changed" | "observations");
    is_meant.then_some(field)
}

fn did_you_mean(name: Name, field: &str) -> FilterError {
    let message = format!(
        "there is no field `{name}`; did you mean `{field}`? For an attribute of this name write \
         `attributes.{name}`",
        name = name.text
    );
    let mut error = error(name.range, Code::UnknownField, message);
    error.suggestion = Some(field.to_owned());
    error
}

fn attribute(
    scanner: &mut Scanner<'_>,
    key: String,
    operator: &Operator,
) -> Result<Term, FilterError> {
    let written = scanner.value(operator)?;
    let comparison = operator.comparison;
    let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let operand = match operand(&written) {
        Operand::Bool(_) | Operand::Null if !is_equality => {
            let message = format!("`{}` can only be compared with `=` and `!=`", written.raw);
            return Err(error(operator.range.clone(), Code::NoSuchComparison, message));
        }
        // Order is by code points; a wildcard has no place in it.
        Operand::Text(_) if !is_equality => Operand::Text(Pattern::Exact(unescape(&written.raw))),
        operand => operand,
    };
    Ok(Term::Attribute { key, comparison, operand })
}

fn observed(scanner: &mut Scanner<'_>, operator: &Operator) -> Result<Term, FilterError> {
    if operator.comparison != Comparison::Equal {
        let message = "name a signal after `observed:`, and compare then: observed:visits>3";
        return Err(error(operator.range.clone(), Code::NoSuchComparison, message));
    }
    let signal = if scanner.peek() == Some('"') {
        unescape(&scanner.quoted()?.raw)
    } else {
        scanner.bare_name().to_owned()
    };
    if signal.is_empty() {
        let message = "a signal is missing after this: observed:order_value>100";
        return Err(error(operator.range.clone(), Code::MissingValue, message));
    }
    let test = match scanner.operator() {
        Some(operator) => Some((operator.comparison, number(&scanner.value(&operator)?)?)),
        None => None,
    };
    Ok(Term::Observed { signal, test })
}
