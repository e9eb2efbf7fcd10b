//! A record schema: validation, and the merge rules that stand in it as `x-` annotations.
//!
//! | annotation | on | says |
//! |---|---|---|
//! | `x-merge` | each member | the [`MergeRule`] |
//! | `x-merge-key` | sets of objects | the member that names an element |
//! | `x-derive-key` | sets of objects | what the key is derived from where it is absent |
//! | `x-order` | sets of objects | the instant that elements are sorted by, before their key |
//! | `x-merge-prefer` | registers of objects | `{member, value}` that wins over concurrent others |

use std::fmt::Write as _;
use std::sync::OnceLock;

use automerge::Automerge;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use crate::fast::ObjectPlan;
use crate::violation::{Rule, Violation};

const USER_PROFILE_V1: &str = include_str!("../../../schemas/user_profile.v1.schema.json");

/// How a member of two versions of a record becomes one.
#[derive(Debug, Clone, PartialEq)]
pub enum MergeRule {
    /// Never changes.
    Identity,
    /// One value; concurrent differing values are a conflict.
    Register {
        /// Whether the value is an object, kept whole.
        structured: bool,
        /// A member's value that wins over concurrent others without a conflict.
        prefer: Option<(String, Value)>,
    },
    /// A register for each key of an object.
    RegisterPerKey,
    /// An array without order; who adds wins over who removes at the same time.
    Set {
        /// The member that names an element; `None`: the element is its own name.
        key: Option<String>,
        /// Whether imports only ever add.
        grow_only: bool,
    },
    /// Text, merged by character.
    Text,
    /// The smaller of concurrent instants.
    Min,
    /// The larger of concurrent instants.
    Max,
    /// Not part of the record's identity: dropped.
    Derived,
}

/// One member of the record.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) rule: MergeRule,
    /// The member itself is an instant.
    pub(crate) is_instant: bool,
    /// Members of its elements, or of the object itself, that are instants.
    pub(crate) inner_instants: Vec<String>,
    /// Members of its elements that equal their default and are left out then.
    pub(crate) inner_defaults: Vec<(String, Value)>,
    pub(crate) derive_key: Vec<String>,
    pub(crate) order: Option<String>,
}

/// A schema that cannot be used, which is a fault of the program.
#[derive(Debug, thiserror::Error)]
#[error("record schema: {0}")]
pub struct SchemaError(String);

/// A compiled record schema. Make one and keep it: compiling takes about a millisecond.
#[derive(Debug)]
pub struct RecordSchema {
    name: String,
    validator: Validator,
    members: Vec<Member>,
    plan: Option<ObjectPlan>,
    /// The document that every document begins with, made once.
    scaffold: OnceLock<Automerge>,
}

impl RecordSchema {
    /// The schema `user_profile.v1`.
    ///
    /// # Panics
    /// Never: the schema is part of the program, and a test compiles it.
    #[must_use]
    pub fn user_profile_v1() -> Self {
        let schema: Value = serde_json::from_str(USER_PROFILE_V1).expect("the schema is JSON");
        Self::compile(&schema).expect("the schema compiles")
    }

    /// Compiles a schema and reads its merge rules.
    ///
    /// # Errors
    /// [`SchemaError`] where it is no JSON Schema, a member has no `x-merge`, or a rule is unknown.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(schema)
            .map_err(|e| SchemaError(e.to_string()))?;
        let name = schema["title"].as_str().unwrap_or_default().to_owned();
        let properties =
            schema["properties"].as_object().ok_or(SchemaError("no properties".to_owned()))?;
        // serde_json keeps members sorted by name; the order is part of the genesis encoding.
        let mut members = Vec::with_capacity(properties.len());
        for (member, definition) in properties {
            members.push(read_member(schema, member, definition)?);
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let plan = crate::fast::of_record(schema, &members);
        Ok(Self { name, validator, members, plan, scaffold: OnceLock::new() })
    }

    /// The schema's name, such as `user_profile.v1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The merge rule of a member.
    #[must_use]
    pub fn rule(&self, member: &str) -> Option<&MergeRule> {
        self.member(member).map(|m| &m.rule)
    }

    pub(crate) fn scaffold(&self) -> &OnceLock<Automerge> {
        &self.scaffold
    }

    /// How the fast reader follows this schema, where it can.
    pub(crate) fn plan(&self) -> Option<&ObjectPlan> {
        self.plan.as_ref()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Checks a record as it was read against the schema.
    ///
    /// # Errors
    /// The first violation in the order of the schema, with a reason for people.
    pub fn check(&self, record: &Value) -> Result<(), Violation> {
        if self.validator.is_valid(record) {
            return Ok(());
        }
        let id = record.get("id").and_then(Value::as_str);
        if !record.is_object() {
            return Err(Violation::new("", "type", "a record is a JSON object"));
        }
        // A record of another version is told so, rather than everything that follows from it.
        match record.get("schema") {
            Some(version) if version.as_str() != Some(&self.name) => {
                let reason = format!(
                    "schema {} is not known here; this program reads {}",
                    shorten(version),
                    self.name
                );
                let violation = Violation::new("/schema", "schema_version", reason);
                return Err(violation.with_found(shorten(version)).with_id(id));
            }
            _ => {}
        }
        match self.validator.iter_errors(record).next() {
            Some(error) => Err(explain(&error).with_id(id)),
            None => Err(Violation::new("", "schema", "does not fit the schema").with_id(id)),
        }
    }
}

fn resolve<'a>(schema: &'a Value, definition: &'a Value) -> &'a Value {
    definition["$ref"]
        .as_str()
        .and_then(|target| target.strip_prefix('#'))
        .and_then(|pointer| schema.pointer(pointer))
        .unwrap_or(definition)
}

fn is_instant(schema: &Value, definition: &Value) -> bool {
    resolve(schema, definition)["format"].as_str() == Some("date-time")
}

fn read_member(schema: &Value, name: &str, definition: &Value) -> Result<Member, SchemaError> {
    let text = |key: &str| definition[key].as_str().map(str::to_owned);
    let rule_name = text("x-merge").ok_or(SchemaError(format!("`{name}` has no x-merge")))?;
    let key = text("x-merge-key");
    let structured = definition["type"] == "object";
    let prefer = definition["x-merge-prefer"]["member"]
        .as_str()
        .map(|member| (member.to_owned(), definition["x-merge-prefer"]["value"].clone()));
    let rule = match rule_name.as_str() {
        "identity" => MergeRule::Identity,
        "register" => MergeRule::Register { structured, prefer },
        "register-per-key" => MergeRule::RegisterPerKey,
        "add-wins-set" => MergeRule::Set { key, grow_only: false },
        "grow-only-set" => MergeRule::Set { key, grow_only: true },
        "text" => MergeRule::Text,
        "min" => MergeRule::Min,
        "max" => MergeRule::Max,
        "derived" => MergeRule::Derived,
        other => return Err(SchemaError(format!("`{name}`: unknown x-merge `{other}`"))),
    };
    let inner = if definition["items"].is_object() { &definition["items"] } else { definition };
    let mut inner_instants = Vec::new();
    let mut inner_defaults = Vec::new();
    for (member, inner) in inner["properties"].as_object().into_iter().flatten() {
        if is_instant(schema, inner) {
            inner_instants.push(member.clone());
        }
        if let Some(default) = inner.get("default") {
            inner_defaults.push((member.clone(), default.clone()));
        }
    }
    let derive_key = definition["x-derive-key"].as_array().into_iter().flatten();
    Ok(Member {
        name: name.to_owned(),
        rule,
        is_instant: is_instant(schema, definition),
        inner_instants,
        inner_defaults,
        derive_key: derive_key.filter_map(Value::as_str).map(str::to_owned).collect(),
        order: text("x-order"),
    })
}

fn shorten(value: &Value) -> String {
    crate::violation::shorten(value.to_string())
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn explain(error: &ValidationError<'_>) -> Violation {
    let mut pointer = error.instance_path().to_string();
    let value = error.instance();
    let (rule, reason): (Rule, String) = match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let _ = write!(pointer, "/{}", crate::pointer::escape(name));
            ("required", format!("`{name}` is missing"))
        }
        Kind::AdditionalProperties { unexpected } => {
            let name = unexpected.first().map_or("", String::as_str);
            let _ = write!(pointer, "/{}", crate::pointer::escape(name));
            let hint = if pointer.matches('/').count() == 1 {
                format!(
                    "`{name}` is no member of the schema; put it into `attributes` or leave it out"
                )
            } else {
                format!("`{name}` is not allowed here; leave it out")
            };
            ("unknown_member", hint)
        }
        // A text is allowed here, so it can only be its length.
        Kind::AnyOf { .. } if value.is_string() => {
            ("max_length", at_most(value, ATTRIBUTE_CHARS_MAX))
        }
        Kind::AnyOf { .. } => (
            "type",
            format!("found {}; expected a text, a number, true, false or null", found(value)),
        ),
        Kind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
                    kinds.join(" or ")
                }
            };
            ("type", format!("found {}; expected {expected}", found(value)))
        }
        Kind::MaxLength { limit } => ("max_length", at_most(value, *limit)),
        Kind::MinLength { limit } => {
            ("min_length", format!("found {}; at least {limit} must be there", size_of(value)))
        }
        Kind::MaxItems { limit } => ("max_items", at_most(value, *limit)),
        Kind::MaxProperties { limit } => ("max_properties", at_most(value, *limit)),
        Kind::UniqueItems => {
            let twice = first_repeat(value).unwrap_or(value);
            let violation = Violation::new(
                pointer,
                "unique_items",
                format!("{} stands twice; each element may stand once", shorten(twice)),
            );
            return violation.with_found(shorten(twice));
        }
        Kind::Pattern { .. } if pointer == "/id" => (
            "pattern",
            format!(
                "found {}; an id has 1 to 128 of A–Z a–z 0–9 . _ : @ - and begins with a letter or digit",
                shorten(value)
            ),
        ),
        Kind::Pattern { pattern } => {
            let expected = if pattern.starts_with(INSTANT_PATTERN_START) {
                "expected a date and time such as 2026-11-20T08:30:00Z, with T, seconds, at most \
                 nine digits of a fraction, and Z or an offset such as +01:00"
            } else {
                pattern
            };
            ("pattern", format!("found {}; {expected}", shorten(value)))
        }
        Kind::Format { .. } => (
            "format",
            format!(
                "found {}; expected a date and time that exists, such as 2026-11-20T08:30:00Z",
                shorten(value)
            ),
        ),
        Kind::Minimum { limit } => {
            ("minimum", format!("found {}; the smallest allowed is {limit}", shorten(value)))
        }
        Kind::Maximum { limit } => {
            ("maximum", format!("found {}; the largest allowed is {limit}", shorten(value)))
        }
        Kind::Not { .. } => {
            ("reserved", format!("found {}, a reserved word; any other is allowed", shorten(value)))
        }
        Kind::PropertyNames { error } => {
            let name = error.instance();
            let reason =
                format!("the name {} has {}; 1 to 64 are allowed", shorten(name), size_of(name));
            return Violation::new(pointer, "property_names", reason).with_found(shorten(name));
        }
        _ => ("schema", format!("found {}, which does not fit the schema", found(value))),
    };
    let violation = Violation::new(pointer, rule, reason);
    // Of what is missing or not allowed at all, the value says nothing.
    if matches!(rule, "required" | "unknown_member" | "max_properties") {
        return violation;
    }
    violation.with_found(shorten(value))
}

/// The only limit that is behind an `anyOf`, which does not say which of its branches came closest.
const ATTRIBUTE_CHARS_MAX: u64 = 4096;

/// How the pattern of instants begins, which nobody could read.
const INSTANT_PATTERN_START: &str = "^[0-9]{4}-";

/// How much a value has of what its limit counts.
fn size_of(value: &Value) -> String {
    let (count, one, many) = match value {
        Value::Array(items) => (items.len(), "element", "elements"),
        Value::Object(members) => (members.len(), "member", "members"),
        // As JSON Schema counts: by code points.
        _ => (value.as_str().unwrap_or_default().chars().count(), "character", "characters"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

fn at_most(value: &Value, limit: u64) -> String {
    format!("found {}; at most {limit} are allowed", size_of(value))
}

/// The first element that stands in an array again. The array is within its limit of elements or
/// close to it: the validator has compared them all already.
fn first_repeat(array: &Value) -> Option<&Value> {
    let items = array.as_array()?;
    items.iter().enumerate().find(|(at, item)| items[..*at].contains(item)).map(|(_, item)| item)
}

fn found(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => type_name(value).to_owned(),
        Value::Null => "null".to_owned(),
        _ => format!("{} ({})", type_name(value), shorten(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_the_rule_of_the_data_model() {
        let schema = RecordSchema::user_profile_v1();
        assert_eq!(schema.name(), "user_profile.v1");
        assert_eq!(schema.rule("attributes"), Some(&MergeRule::RegisterPerKey));
        assert_eq!(
            schema.rule("observations"),
            Some(&MergeRule::Set { key: Some("id".to_owned()), grow_only: true })
        );
        assert_eq!(
            schema.rule("consent"),
            Some(&MergeRule::Register {
                structured: true,
                prefer: Some(("analytics".to_owned(), Value::Bool(false)))
            })
        );
        assert_eq!(schema.rule("created_at"), Some(&MergeRule::Min));
        assert_eq!(schema.rule("notes"), Some(&MergeRule::Text));
    }

    #[test]
    fn a_member_without_a_merge_rule_is_no_schema() {
        let schema = serde_json::json!({"title": "t", "properties": {"x": {"type": "string"}}});
        assert!(RecordSchema::compile(&schema).is_err());
    }
}
