//! The filter language of lists: terms joined by blanks, all of which must hold.
//!
//! | term | holds for |
//! |---|---|
//! | `tag:vip` | profiles with that tag |
//! | `status:pending` | `synced`, `pending`, `conflict` or `rejected` |
//! | `id:cdnow-*` | ids that match, `*` for any characters |
//! | `city=Bern` `orders>=10` | an attribute compared with `=` `!=` `<` `<=` `>` `>=` |
//! | `has:city` | profiles with that attribute |
//! | `-tag:vip` | what the term does not hold for |
//!
//! Values with blanks stand in double quotes. `attributes.city` is the long form of `city`.

use rusqlite::types::Value;

/// Terms in one filter at most; a person types a handful.
const TERMS_MAX: usize = 32;

/// A filter that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter: {reason} in `{term}`")]
pub struct FilterError {
    /// The term.
    pub term: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A parsed filter as a condition of SQL with its parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    conditions: Vec<String>,
    parameters: Vec<Value>,
}

impl Filter {
    /// Parses a filter; the empty one holds for everything.
    ///
    /// # Errors
    /// [`FilterError`] with the term that does not parse.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        let terms = split(text)?;
        if terms.len() > TERMS_MAX {
            return Err(error(text, format!("more than {TERMS_MAX} terms")));
        }
        for term in terms {
            let (negated, body) = match term.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, term.as_str()),
            };
            let condition = filter.condition(&term, body)?;
            filter.conditions.push(if negated { format!("NOT ({condition})") } else { condition });
        }
        Ok(filter)
    }

    /// The condition for a `WHERE`, and its parameters in order.
    pub(crate) fn sql(&self) -> (String, &[Value]) {
        if self.conditions.is_empty() {
            return ("1".to_owned(), &[]);
        }
        (self.conditions.join(" AND "), &self.parameters)
    }

    /// Whether it holds for everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    fn condition(&mut self, term: &str, body: &str) -> Result<String, FilterError> {
        if let Some(at) = body.find([':', '=', '<', '>', '!']) {
            let (field, rest) = body.split_at(at);
            if field.is_empty() {
                return Err(error(term, "a field is missing before the operator"));
            }
            if let Some(value) = rest.strip_prefix(':') {
                return self.named(term, field, &unquote(value));
            }
            for operator in ["<=", ">=", "!=", "=", "<", ">"] {
                if let Some(value) = rest.strip_prefix(operator) {
                    return self.compared(term, field, operator, value);
                }
            }
        }
        Err(error(term, "expected field:value or a comparison such as orders>=10"))
    }

    fn named(&mut self, term: &str, field: &str, value: &str) -> Result<String, FilterError> {
        if value.is_empty() {
            return Err(error(term, "a value is missing after `:`"));
        }
        let condition = match (field, value) {
            ("status", "pending") => "pk IN (SELECT profile FROM outbox)",
            ("status", "conflict") => "conflicts > 0",
            ("status", "rejected") => "pk IN (SELECT profile FROM rejected)",
            ("status", "synced") => "conflicts = 0 AND pk NOT IN (SELECT profile FROM outbox)",
            ("status", _) => {
                return Err(error(term, "a status is synced, pending, conflict or rejected"));
            }
            ("id", _) => {
                self.parameters.push(Value::Text(glob(value)));
                "id GLOB ?"
            }
            ("tag", _) => {
                self.parameters.push(Value::Text(value.to_owned()));
                "EXISTS (SELECT 1 FROM json_each(record, '$.tags') WHERE value = ?)"
            }
            ("has", _) => {
                self.parameters.push(Value::Text(attribute(value)));
                "EXISTS (SELECT 1 FROM json_each(record, '$.attributes') WHERE key = ?)"
            }
            _ => return Err(error(term, "before `:` stands tag, status, id or has")),
        };
        Ok(condition.to_owned())
    }

    fn compared(
        &mut self,
        term: &str,
        field: &str,
        operator: &str,
        value: &str,
    ) -> Result<String, FilterError> {
        let text = unquote(value);
        if text.is_empty() && value.is_empty() {
            return Err(error(term, "a value is missing after the operator"));
        }
        self.parameters.push(Value::Text(attribute(field)));
        let quoted = value.starts_with('"');
        let operand = match (text.as_str(), text.parse::<f64>()) {
            ("true", _) if !quoted => Value::Integer(1),
            ("false", _) if !quoted => Value::Integer(0),
            (_, Ok(number)) if !quoted && number.is_finite() => Value::Real(number),
            _ => Value::Text(text),
        };
        // A number compares with numbers and a text with texts only; booleans are 1 and 0.
        let kinds = match operand {
            Value::Integer(_) => "type IN ('true', 'false')",
            Value::Real(_) => "type IN ('integer', 'real')",
            _ => "type = 'text'",
        };
        self.parameters.push(operand);
        Ok(format!(
            "EXISTS (SELECT 1 FROM json_each(record, '$.attributes') \
             WHERE key = ? AND {kinds} AND value {operator} ?)"
        ))
    }
}

fn error(term: &str, reason: impl Into<String>) -> FilterError {
    FilterError { term: term.to_owned(), reason: reason.into() }
}

fn attribute(field: &str) -> String {
    field.strip_prefix("attributes.").unwrap_or(field).to_owned()
}

fn unquote(value: &str) -> String {
    value.replace('"', "")
}

/// `*` stays a wildcard; what GLOB would read as a pattern otherwise is taken as it stands.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '[' | '?' => {
                glob.push('[');
                glob.push(c);
                glob.push(']');
            }
            other => glob.push(other),
        }
    }
    glob
}

fn split(text: &str) -> Result<Vec<String>, FilterError> {
    let mut terms = Vec::new();
    let mut term = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                term.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                if !term.is_empty() {
                    terms.push(std::mem::take(&mut term));
                }
            }
            c => term.push(c),
        }
    }
    if quoted {
        return Err(error(&term, "a closing quote is missing"));
    }
    if !term.is_empty() {
        terms.push(term);
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_become_conditions() {
        let filter =
            Filter::parse(r#"tag:vip -status:pending city="New York" orders>=10"#).unwrap();
        assert_eq!(filter.conditions.len(), 4);
        assert!(filter.conditions[1].starts_with("NOT ("));
        assert_eq!(
            filter.parameters,
            vec![
                Value::Text("vip".into()),
                Value::Text("city".into()),
                Value::Text("New York".into()),
                Value::Text("orders".into()),
                Value::Real(10.0),
            ]
        );
        assert!(Filter::parse("  ").unwrap().is_empty());
    }

    #[test]
    fn what_does_not_parse_names_the_term() {
        for text in ["vip", "tag:", "status:new", "color:red", ">=10", "city=\"New", "orders>="] {
            let error = Filter::parse(text).expect_err(text);
            assert!(text.contains(error.term.trim_matches('"')), "{error}");
        }
    }
}
