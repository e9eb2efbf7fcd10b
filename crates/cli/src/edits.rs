//! From arguments to edits.

use kartei_protocol::desktop::Edit;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::Value;

use crate::args::Changes;

pub(crate) fn from_args(changes: &Changes) -> Result<Vec<Edit>, Problem> {
    let mut edits = Vec::new();
    for set in &changes.set {
        let (field, value) = set.split_once('=').ok_or_else(|| {
            usage(format!("--set takes FIELD=VALUE, such as attributes.city=Bern, not `{set}`"))
        })?;
        edits.push(Edit::Set { pointer: pointer(field)?, value: value_of(field, value) });
    }
    for field in &changes.unset {
        edits.push(Edit::Unset { pointer: pointer(field)? });
    }
    let tags = || "/tags".to_owned();
    for tag in &changes.add_tag {
        edits.push(Edit::Add { pointer: tags(), value: Value::String(tag.clone()) });
    }
    for tag in &changes.remove_tag {
        edits.push(Edit::Remove { pointer: tags(), value: Value::String(tag.clone()) });
    }
    for text in &changes.add_observation {
        let value = serde_json::from_str(text)
            .map_err(|e| usage(format!("--add-observation takes a JSON object: {e}")))?;
        edits.push(Edit::Add { pointer: "/observations".to_owned(), value });
    }
    Ok(edits)
}

fn usage(message: String) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, message)
}

/// `attributes.city` is `/attributes/city`. Only the first dot separates: attributes are flat, so
/// what follows is one name, dots and all.
fn pointer(field: &str) -> Result<String, Problem> {
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match field.split_once('.') {
        _ if field.is_empty() => Err(usage("a field has a name".to_owned())),
        Some((member, key)) => Ok(format!("/{}/{}", escape(member), escape(key))),
        None => Ok(format!("/{}", escape(field))),
    }
}

/// Text members take the value as it is; elsewhere JSON wins over text.
fn value_of(field: &str, text: &str) -> Value {
    if matches!(field, "notes" | "display_name") {
        return Value::String(text.to_owned());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_pointers_and_values_keep_their_type() {
        let changes = Changes {
            set: vec![
                "attributes.city=Bern".into(),
                "attributes.n=3".into(),
                "notes=7".into(),
                "attributes.a.b/c=x=y".into(),
            ],
            unset: vec!["display_name".into()],
            add_tag: vec!["vip".into()],
            remove_tag: Vec::new(),
            add_observation: Vec::new(),
        };
        let edits = from_args(&changes).unwrap();
        let set = |pointer: &str, value: Value| Edit::Set { pointer: pointer.into(), value };
        assert_eq!(edits[0], set("/attributes/city", Value::from("Bern")));
        assert_eq!(edits[1], set("/attributes/n", Value::from(3)));
        assert_eq!(edits[2], set("/notes", Value::from("7")));
        assert_eq!(edits[3], set("/attributes/a.b~1c", Value::from("x=y")));
        assert_eq!(edits[4], Edit::Unset { pointer: "/display_name".into() });
        assert!(from_args(&Changes { set: vec!["city".into()], ..changes }).is_err());
    }
}
