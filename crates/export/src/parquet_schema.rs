//! The schema of Parquet files, with a column buffer for each of its leaves.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};

use crate::columns::{Columns, Kind};
use crate::leaf::Leaf;

/// Members of an element of `observations`, in the order of their columns.
pub(crate) const OBSERVATION: [(&str, Leafs, Repetition); 6] = [
    ("id", Leafs::Text, Repetition::REQUIRED),
    ("signal", Leafs::Text, Repetition::REQUIRED),
    ("value", Leafs::Double, Repetition::REQUIRED),
    ("n", Leafs::Integer, Repetition::REQUIRED),
    ("at", Leafs::Instant, Repetition::REQUIRED),
    ("source", Leafs::Text, Repetition::OPTIONAL),
];

/// Members of an element of `attachments`, in the order of their columns.
pub(crate) const ATTACHMENT: [(&str, Leafs, Repetition); 5] = [
    ("file_id", Leafs::Text, Repetition::REQUIRED),
    ("name", Leafs::Text, Repetition::REQUIRED),
    ("size", Leafs::Integer, Repetition::REQUIRED),
    ("media_type", Leafs::Text, Repetition::REQUIRED),
    ("digest", Leafs::Text, Repetition::REQUIRED),
];

/// Members of `consent`, in the order of their columns.
pub(crate) const CONSENT: [(&str, Leafs, Repetition); 3] = [
    ("analytics", Leafs::Bool, Repetition::REQUIRED),
    ("recorded_at", Leafs::Instant, Repetition::REQUIRED),
    ("source", Leafs::Text, Repetition::OPTIONAL),
];

/// Types of columns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leafs {
    Bool,
    Integer,
    Double,
    Instant,
    Text,
    Json,
}

impl Leafs {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Integer => Self::Integer,
            Kind::Double => Self::Double,
            Kind::Text | Kind::Empty => Self::Text,
            Kind::Mixed => Self::Json,
        }
    }

    fn buffered(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Integer | Self::Instant => Kind::Integer,
            Self::Double => Kind::Double,
            Self::Text | Self::Json => Kind::Text,
        }
    }
}

/// The schema, and the buffers of its columns in the same order.
pub(crate) struct Layout {
    pub(crate) schema: TypePtr,
    pub(crate) id: Leaf,
    pub(crate) display_name: Leaf,
    pub(crate) tags: Leaf,
    pub(crate) notes: Leaf,
    pub(crate) consent: Vec<Leaf>,
    /// In the order of [`Columns::attributes`].
    pub(crate) attributes: Vec<Leaf>,
    pub(crate) observations: Vec<Leaf>,
    pub(crate) attachments: Vec<Leaf>,
    pub(crate) created_at: Leaf,
    pub(crate) updated_at: Leaf,
}

impl Layout {
    pub(crate) fn new(columns: &Columns) -> Result<Self> {
        const OPTIONAL: Repetition = Repetition::OPTIONAL;
        const REQUIRED: Repetition = Repetition::REQUIRED;
        let mut fields = vec![
            leaf("id", Leafs::Text, REQUIRED)?,
            leaf("display_name", Leafs::Text, OPTIONAL)?,
            list("tags", leaf("element", Leafs::Text, REQUIRED)?)?,
            leaf("notes", Leafs::Text, OPTIONAL)?,
            group("consent", OPTIONAL, &CONSENT)?,
        ];
        // A group without members is not allowed.
        if !columns.attributes.is_empty() {
            let members = columns
                .attributes
                .iter()
                .map(|(key, &kind)| leaf(key, Leafs::of(kind), OPTIONAL))
                .collect::<Result<Vec<_>>>()?;
            let attributes = Type::group_type_builder("attributes")
                .with_repetition(REQUIRED)
                .with_fields(members)
                .build()?;
            fields.push(Arc::new(attributes));
        }
        fields.push(list("observations", group("element", REQUIRED, &OBSERVATION)?)?);
        fields.push(list("attachments", group("element", REQUIRED, &ATTACHMENT)?)?);
        fields.push(leaf("created_at", Leafs::Instant, OPTIONAL)?);
        fields.push(leaf("updated_at", Leafs::Instant, OPTIONAL)?);
        let schema = Type::group_type_builder("user_profile").with_fields(fields).build()?;

        // Definition levels: one for each optional or repeated node on the way to the column.
        let members = |outside: i16, members: &[(&str, Leafs, Repetition)]| {
            members
                .iter()
                .map(|(_, kind, repetition)| {
                    Leaf::new(kind.buffered(), outside + i16::from(*repetition == OPTIONAL))
                })
                .collect::<Vec<_>>()
        };
        Ok(Self {
            schema: Arc::new(schema),
            id: Leaf::new(Kind::Text, 0),
            display_name: Leaf::new(Kind::Text, 1),
            tags: Leaf::new(Kind::Text, 1),
            notes: Leaf::new(Kind::Text, 1),
            consent: members(1, &CONSENT),
            attributes: columns
                .attributes
                .values()
                .map(|&kind| Leaf::new(Leafs::of(kind).buffered(), 1))
                .collect(),
            observations: members(1, &OBSERVATION),
            attachments: members(1, &ATTACHMENT),
            created_at: Leaf::new(Kind::Integer, 1),
            updated_at: Leaf::new(Kind::Integer, 1),
        })
    }

    /// All columns, in the order of the schema.
    pub(crate) fn leaves(&mut self) -> impl Iterator<Item = &mut Leaf> {
        [&mut self.id, &mut self.display_name, &mut self.tags, &mut self.notes]
            .into_iter()
            .chain(&mut self.consent)
            .chain(&mut self.attributes)
            .chain(&mut self.observations)
            .chain(&mut self.attachments)
            .chain([&mut self.created_at, &mut self.updated_at])
    }
}

fn leaf(name: &str, kind: Leafs, repetition: Repetition) -> Result<TypePtr> {
    let (physical, logical) = match kind {
        Leafs::Bool => (Physical::BOOLEAN, None),
        Leafs::Integer => (Physical::INT64, None),
        Leafs::Double => (Physical::DOUBLE, None),
        Leafs::Instant => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Leafs::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Leafs::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
    };
    let built = Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()?;
    Ok(Arc::new(built))
}

fn group(
    name: &str,
    repetition: Repetition,
    members: &[(&str, Leafs, Repetition)],
) -> Result<TypePtr> {
    let members = members
        .iter()
        .map(|&(name, kind, repetition)| leaf(name, kind, repetition))
        .collect::<Result<Vec<_>>>()?;
    let built =
        Type::group_type_builder(name).with_repetition(repetition).with_fields(members).build()?;
    Ok(Arc::new(built))
}

/// The three levels that the format asks of a list (LogicalTypes.md of parquet-format, "Lists").
fn list(name: &str, element: TypePtr) -> Result<TypePtr> {
    let repeated = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![element])
        .build()?;
    let built = Type::group_type_builder(name)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(repeated)])
        .build()?;
    Ok(Arc::new(built))
}
