//! Counts of values beside the list: which attributes there are, and how many of the listed
//! profiles have each value of a field.

use kartei_filter::{Chosen, Expr, Operand, Pattern, Status, Subject};
use kartei_index::{Counts, Value};
use kartei_protocol::desktop::{AttributeName, CountFacet, Facet, FacetValue, Field, FieldValue};
use serde_json::json;

use crate::catalog::index_error;
use crate::error::StoreError;
use crate::store::{Store, lock};

/// Attributes that are named at most: more than anybody looks through, and they are searched.
const NAMES_MAX: usize = 2_000;

/// Values up to which an attribute is offered as a facet without being asked for.
const FEW_MAX: usize = 50;

/// Values in one answer at most.
const VALUES_MAX: u32 = 1_000;

/// What was counted of a field.
struct Counted {
    /// Its values, each with how many profiles have it.
    values: Vec<(FieldValue, u64)>,
    /// How many profiles were looked at.
    profiles: u64,
    /// Whether counting was given up.
    too_many: bool,
}

impl Store {
    /// The attributes that profiles have, the most frequent first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn attribute_names(&self) -> Result<Vec<AttributeName>, StoreError> {
        self.read(|db| {
            let mut lists = lock(&self.lists);
            lists.bring_up(db)?;
            let mut rows = lists.rows(db);
            let outlines = lists.catalog.outlines(&mut rows).map_err(index_error)?;
            drop(lists);
            let named = outlines.into_iter().take(NAMES_MAX).map(|one| AttributeName {
                few: one.distinct.filter(|n| *n <= FEW_MAX).and_then(|n| u32::try_from(n).ok()),
                name: one.key,
                profiles: one.profiles as u64,
                numeric: one.numeric,
            });
            Ok(named.collect())
        })
    }

    /// How many profiles have each value of a field, among those that filter and search hold for
    /// but for what the filter says of this field alone. Ids, names and counts of observations have
    /// no facet: they are answered without values.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn count_facet(&self, request: &CountFacet) -> Result<Facet, StoreError> {
        let subject = subject(&request.field);
        let filter = kartei_filter::parse(&request.filter)?;
        let chosen = filter.chosen(&subject);
        let expr = match kartei_filter::words(&request.search) {
            Some(words) => filter.apart_from(&subject).and(words),
            None => filter.apart_from(&subject),
        };
        let Counted { values, profiles, too_many } = self.counted(&expr, &subject)?;
        let find = request.find.trim().to_lowercase();
        let limit = request.limit.min(VALUES_MAX) as usize;
        let mut facet = Facet { values: Vec::new(), distinct: 0, profiles, too_many };
        for (value, count) in &values {
            let found = find.is_empty() || text_of(value).to_lowercase().contains(&find);
            facet.distinct += u64::from(found);
            let named = names(&chosen, &subject, value);
            if named.0 || named.1 || (found && facet.values.len() < limit) {
                facet.values.push(told(value, *count, named));
            }
        }
        // What the filter names is listed even if nobody has it.
        for (values, named) in [(&chosen.with, (true, false)), (&chosen.without, (false, true))] {
            for value in values.iter().filter_map(value_of) {
                if !facet.values.iter().any(|one| one.value == value) {
                    facet.values.push(told(&value, 0, named));
                }
            }
        }
        Ok(facet)
    }

    /// The values of a field among the profiles that an expression holds for.
    fn counted(&self, expr: &Expr, subject: &Subject) -> Result<Counted, StoreError> {
        self.read(|db| {
            let mut lists = lock(&self.lists);
            lists.bring_up(db)?;
            let mut rows = lists.rows(db);
            let matches = lists.select(expr, &mut rows)?;
            let catalog = &mut lists.catalog;
            let profiles = matches.count() as u64;
            let counts = match subject {
                Subject::Status => {
                    let counts = catalog.count_statuses(&matches, &mut rows);
                    let counts = counts.map_err(index_error)?.into_iter();
                    let words = counts.map(|(status, count)| (word(status), count as u64));
                    return Ok(Counted { values: words.collect(), profiles, too_many: false });
                }
                Subject::Tags => catalog.count_tags(&matches, &mut rows),
                Subject::Attribute(key) => catalog.count_attribute(key, &matches, &mut rows),
                Subject::Id | Subject::Name | Subject::Observations => Ok(Counts::default()),
            };
            let counts = counts.map_err(index_error)?;
            drop(lists);
            let missing = profiles.saturating_sub(counts.present as u64);
            let values = counts.values.into_iter();
            let mut values: Vec<(FieldValue, u64)> =
                values.map(|(value, count)| (json_of(value), count as u64)).collect();
            if missing > 0 && matches!(subject, Subject::Attribute(_)) && !counts.too_many {
                // Its place by its count: it is a value like any other.
                let at = values.partition_point(|(_, count)| *count >= missing);
                values.insert(at, (FieldValue::Missing, missing));
            }
            Ok(Counted { values, profiles, too_many: counts.too_many })
        })
    }
}

/// A filter with a value of a field added to it or taken out.
///
/// # Errors
/// [`StoreError::Filter`] where the filter does not parse.
pub fn narrowed(
    filter: &str,
    field: &Field,
    value: &FieldValue,
    how: kartei_filter::Narrow,
) -> Result<Option<String>, StoreError> {
    let Some(value) = expr_of(&subject(field), value) else { return Ok(None) };
    Ok(Some(kartei_filter::narrow(filter, &value, how)?))
}

fn subject(field: &Field) -> Subject {
    match field {
        Field::Id => Subject::Id,
        Field::Name => Subject::Name,
        Field::Observations => Subject::Observations,
        Field::Status => Subject::Status,
        Field::Tags => Subject::Tags,
        Field::Attribute(key) => Subject::Attribute(key.clone()),
    }
}

/// Whether the filter asks for a value, and whether it excludes it.
fn names(chosen: &Chosen, subject: &Subject, value: &FieldValue) -> (bool, bool) {
    if chosen.with.is_empty() && chosen.without.is_empty() {
        return (false, false);
    }
    let Some(expr) = expr_of(subject, value) else { return (false, false) };
    (chosen.with.contains(&expr), chosen.without.contains(&expr))
}

fn told(value: &FieldValue, count: u64, (chosen, excluded): (bool, bool)) -> FacetValue {
    FacetValue { value: value.clone(), count, chosen, excluded }
}

fn json_of(value: Value) -> FieldValue {
    FieldValue::Is(match value {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Bool(flag) => json!(flag),
        Value::Null => serde_json::Value::Null,
    })
}

fn word(status: Status) -> FieldValue {
    FieldValue::Is(json!(status.word()))
}

/// The text that a value is found by.
fn text_of(value: &FieldValue) -> String {
    match value {
        FieldValue::Missing => String::new(),
        FieldValue::Is(serde_json::Value::String(text)) => text.clone(),
        FieldValue::Is(other) => other.to_string(),
    }
}

/// A value as the filter language says it; `None` where it is none of that field.
fn expr_of(subject: &Subject, value: &FieldValue) -> Option<Expr> {
    use kartei_filter::{Comparison, Term};
    let exact = |text: &str| Pattern::Exact(text.to_owned());
    let value = match (subject, value) {
        (Subject::Attribute(key), FieldValue::Missing) => {
            return Some(Expr::without_attribute(key));
        }
        (_, FieldValue::Missing) => return None,
        (_, FieldValue::Is(value)) => value,
    };
    Some(match subject {
        Subject::Tags => Expr::tag(value.as_str()?),
        Subject::Id => Expr::Term(Term::Id(exact(value.as_str()?))),
        Subject::Name => Expr::Term(Term::Name(exact(value.as_str()?))),
        Subject::Status => Expr::status(Status::of_word(value.as_str()?)?),
        Subject::Observations => Expr::Term(Term::Observations(Comparison::Equal, value.as_f64()?)),
        Subject::Attribute(key) => Expr::attribute(
            key,
            match value {
                serde_json::Value::String(text) => Operand::Text(exact(text)),
                serde_json::Value::Number(number) => Operand::Number(number.as_f64()?),
                serde_json::Value::Bool(flag) => Operand::Bool(*flag),
                serde_json::Value::Null => Operand::Null,
                _ => return None,
            },
        ),
    })
}

/// The value that a part of a filter names.
fn value_of(expr: &Expr) -> Option<FieldValue> {
    use kartei_filter::Term;
    let Expr::Term(term) = expr else { return Some(FieldValue::Missing) };
    Some(FieldValue::Is(match term {
        Term::Tag(Pattern::Exact(text)) => json!(text),
        Term::Status(status) => json!(status.word()),
        Term::Attribute { operand, .. } => match operand {
            Operand::Number(number) => json!(number),
            Operand::Text(Pattern::Exact(text)) => json!(text),
            Operand::Bool(flag) => json!(flag),
            Operand::Null => serde_json::Value::Null,
            Operand::Text(Pattern::Wild(_)) => return None,
        },
        _ => return None,
    }))
}
