//! A schema in the form in which the fast reader follows it.

use serde_json::Value;

use crate::schema::{Member, MergeRule};

/// What a value must be. Made of the schema once; a schema that says something which is not known
/// here has no plan, and its records take the slow path.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    Const(String),
    Text(TextPlan),
    Instant,
    Number,
    /// An integer within these bounds.
    Integer {
        min: i64,
        max: i64,
    },
    Boolean,
    /// A text of at most so many characters, a number, a boolean or null.
    Scalar {
        text_max: usize,
    },
    /// An object with any names, whose values follow one plan.
    Map {
        members_max: usize,
        name_min: usize,
        name_max: usize,
        value: Box<Plan>,
    },
    Object(ObjectPlan),
    /// Texts in an order of their own, none twice.
    Texts {
        items_max: usize,
        item: TextPlan,
    },
    /// Objects that have a key.
    Elements(ElementsPlan),
    /// A member that is refused, ignored or told of: not for the fast path.
    Careful,
}

#[derive(Debug, Clone)]
pub(crate) struct TextPlan {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) form: Form,
}

/// Patterns that are known. A regular expression would be slower than all the rest.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    Any,
    /// An id, and the words that it must not be.
    Id {
        reserved: Vec<String>,
    },
    Blake3,
}

/// An object that has these members and no others.
#[derive(Debug, Clone)]
pub(crate) struct ObjectPlan {
    /// Sorted by name, which is the order of the canonical form.
    pub(crate) members: Vec<MemberPlan>,
}

#[derive(Debug, Clone)]
pub(crate) struct MemberPlan {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) plan: Plan,
    /// In canonical form; a value equal to it is left out.
    pub(crate) default: Option<String>,
    /// Left out where it is empty.
    pub(crate) drop_empty: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ElementsPlan {
    pub(crate) name: String,
    pub(crate) items_max: usize,
    pub(crate) item: ObjectPlan,
    /// Slot of the key in `item`.
    pub(crate) key: usize,
    /// Slot of the instant that elements are ordered by first.
    pub(crate) order: Option<usize>,
    /// Slots that a missing key is derived from, in order; empty where it may not be missing.
    pub(crate) derive: Vec<usize>,
}

/// Members of an object at most: they stand in an array on the stack.
pub(crate) const SLOTS_MAX: usize = 16;

const ID: &str = "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$";
const BLAKE3: &str = "^blake3:[0-9a-f]{64}$";
const INSTANT: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// Words of a schema that say nothing about which values are allowed.
const SILENT: &[&str] = &["description", "title", "default", "$schema", "$id", "$defs"];

/// Makes the plan of a record schema, where everything in it is known.
pub(crate) fn of_record(schema: &Value, members: &[Member]) -> Option<ObjectPlan> {
    let mut plan = object(schema, schema)?;
    for (slot, member) in plan.members.iter_mut().zip(members) {
        (slot.name == member.name).then_some(())?;
        match &member.rule {
            MergeRule::Derived => slot.plan = Plan::Careful,
            MergeRule::Set { key: Some(key), .. } => {
                let definition = &schema["properties"][&member.name];
                slot.plan = Plan::Elements(elements(schema, definition, member, key)?);
                slot.drop_empty = true;
            }
            MergeRule::Set { key: None, .. } | MergeRule::RegisterPerKey | MergeRule::Text => {
                slot.drop_empty = true;
            }
            _ => {}
        }
        // Inner defaults are left out of objects and of elements; a member's own default is not.
        slot.default = None;
    }
    Some(plan)
}

/// Takes the known words of a schema apart; answers `None` where one is left.
struct Words<'s> {
    schema: &'s Value,
    known: Vec<&'static str>,
}

impl<'s> Words<'s> {
    fn new(schema: &'s Value) -> Self {
        Self { schema, known: Vec::new() }
    }

    fn take(&mut self, word: &'static str) -> Option<&'s Value> {
        self.known.push(word);
        self.schema.get(word)
    }

    fn count(&mut self, word: &'static str, absent: usize) -> Option<usize> {
        match self.take(word) {
            None => Some(absent),
            Some(value) => usize::try_from(value.as_u64()?).ok(),
        }
    }

    fn none_left(&self) -> Option<()> {
        let is_known = |word: &String| {
            word.starts_with("x-")
                || SILENT.contains(&word.as_str())
                || self.known.contains(&word.as_str())
        };
        self.schema.as_object()?.keys().all(is_known).then_some(())
    }
}

fn resolve<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    match schema.get("$ref") {
        None => Some(schema),
        Some(target) => {
            let beside = schema.as_object()?.keys();
            let mut beside = beside.filter(|word| {
                *word != "$ref" && !word.starts_with("x-") && !SILENT.contains(&word.as_str())
            });
            beside.next().is_none().then_some(())?;
            root.pointer(target.as_str()?.strip_prefix('#')?)
        }
    }
}

fn value(root: &Value, schema: &Value) -> Option<Plan> {
    let schema = resolve(root, schema)?;
    let mut words = Words::new(schema);
    if let Some(constant) = words.take("const") {
        words.none_left()?;
        return Some(Plan::Const(constant.as_str()?.to_owned()));
    }
    if let Some(choices) = words.take("anyOf") {
        words.none_left()?;
        return scalar(choices.as_array()?);
    }
    match words.take("type")?.as_str()? {
        "number" => words.none_left().map(|()| Plan::Number),
        "boolean" => words.none_left().map(|()| Plan::Boolean),
        "integer" => {
            let min = words.take("minimum")?.as_i64()?;
            let max = words.take("maximum")?.as_i64()?;
            words.none_left()?;
            Some(Plan::Integer { min, max })
        }
        "string" if schema.get("format").is_some() => {
            let is_instant = words.take("format")?.as_str() == Some("date-time")
                && words.take("pattern")?.as_str() == Some(INSTANT);
            words.none_left()?;
            is_instant.then_some(Plan::Instant)
        }
        "string" => text(schema).map(Plan::Text),
        "array" => {
            let items_max = words.count("maxItems", usize::MAX)?;
            let unique = words.take("uniqueItems") == Some(&Value::Bool(true));
            let item = words.take("items")?;
            words.none_left()?;
            if item["type"] == "object" {
                // Elements with a key: planned where the merge rule is known.
                return Some(Plan::Careful);
            }
            unique.then_some(())?;
            Some(Plan::Texts { items_max, item: text(item)? })
        }
        "object" if schema.get("properties").is_some() => object(root, schema).map(Plan::Object),
        "object" if schema.get("additionalProperties").is_none() => Some(Plan::Careful),
        "object" => {
            let members_max = words.count("maxProperties", usize::MAX)?;
            let mut names = Words::new(words.take("propertyNames")?);
            let name_min = names.count("minLength", 0)?;
            let name_max = names.count("maxLength", usize::MAX)?;
            names.none_left()?;
            let inner = Box::new(value(root, words.take("additionalProperties")?)?);
            words.none_left()?;
            Some(Plan::Map { members_max, name_min, name_max, value: inner })
        }
        _ => None,
    }
}

fn text(schema: &Value) -> Option<TextPlan> {
    let mut words = Words::new(schema);
    (words.take("type")?.as_str()? == "string").then_some(())?;
    let min = words.count("minLength", 0)?;
    let max = words.count("maxLength", usize::MAX)?;
    let form = match (words.take("pattern").map(Value::as_str), words.take("not")) {
        (None, None) => Form::Any,
        (Some(Some(ID)), Some(not)) => {
            let reserved =
                not["enum"].as_array()?.iter().map(|word| Some(word.as_str()?.to_owned()));
            Form::Id { reserved: reserved.collect::<Option<_>>()? }
        }
        (Some(Some(BLAKE3)), None) => Form::Blake3,
        _ => return None,
    };
    words.none_left()?;
    Some(TextPlan { min, max, form })
}

fn scalar(choices: &[Value]) -> Option<Plan> {
    let [string, rest @ ..] = choices else { return None };
    let plan = text(string)?;
    let kinds: Vec<&str> = rest.iter().filter_map(|choice| choice["type"].as_str()).collect();
    let plain = rest.iter().all(|choice| choice.as_object().is_some_and(|o| o.len() == 1));
    (plain && kinds == ["number", "boolean", "null"] && plan.min == 0).then_some(())?;
    Some(Plan::Scalar { text_max: plan.max })
}

fn object(root: &Value, schema: &Value) -> Option<ObjectPlan> {
    let mut words = Words::new(schema);
    words.take("type");
    (words.take("additionalProperties")? == &Value::Bool(false)).then_some(())?;
    let required: Vec<&str> = words
        .take("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut members = Vec::new();
    for (name, schema) in words.take("properties")?.as_object()? {
        members.push(MemberPlan {
            name: name.clone(),
            required: required.contains(&name.as_str()),
            plan: value(root, schema)?,
            default: schema.get("default").map(Value::to_string),
            drop_empty: false,
        });
    }
    words.none_left()?;
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let planned = members.len() <= SLOTS_MAX && members.iter().all(|m| m.name.is_ascii());
    planned.then_some(ObjectPlan { members })
}

fn elements(root: &Value, schema: &Value, member: &Member, key: &str) -> Option<ElementsPlan> {
    let mut words = Words::new(schema);
    words.take("type");
    let items_max = words.count("maxItems", usize::MAX)?;
    let item = object(root, words.take("items")?)?;
    words.none_left()?;
    let slot = |name: &str| item.members.iter().position(|member| member.name == name);
    Some(ElementsPlan {
        name: member.name.clone(),
        items_max,
        key: slot(key)?,
        order: match &member.order {
            Some(name) => Some(slot(name)?),
            None => None,
        },
        derive: member.derive_key.iter().map(|name| slot(name)).collect::<Option<_>>()?,
        item,
    })
}
