//! A store in memory, and what lists of it should be.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use kartei_filter::{Expr, RecordFacts, Status, Term};
use kartei_profile::{Fields, Record};
use serde_json::Value;

use crate::{Catalog, ChunkBuilder, Key, Keys, Order, OrderKey, Source};

/// A profile as it is today.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) record: Record,
    pub(crate) changed_at: i64,
    pub(crate) status: Status,
}

/// Profiles, and the columns that were stored of them.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) profiles: BTreeMap<Key, Profile>,
    pub(crate) loose: BTreeSet<Key>,
    pub(crate) columns: BTreeMap<(String, i64), Vec<u8>>,
    pub(crate) next: i64,
}

impl Source for Store {
    type Error = Infallible;

    fn columns(&mut self, name: &str, chunks: &[i64]) -> Result<Vec<Option<Vec<u8>>>, Infallible> {
        Ok(chunks.iter().map(|id| self.columns.get(&(name.to_owned(), *id)).cloned()).collect())
    }

    fn with_status(&mut self, status: Status) -> Result<Vec<Key>, Infallible> {
        assert!(status != Status::Synced, "synced is what none of the others is");
        let with = self.profiles.iter().filter(|(_, profile)| profile.status == status);
        Ok(with.map(|(key, _)| *key).collect())
    }

    fn holds(&mut self, key: Key, term: &Term) -> Result<bool, Infallible> {
        Ok(self.profiles.get(&key).is_some_and(|profile| facts(profile).holds(term)))
    }
}

pub(crate) fn facts(profile: &Profile) -> RecordFacts {
    let mut facts = RecordFacts::default();
    facts.tell(&profile.record);
    facts.stand(profile.status, profile.changed_at);
    facts
}

struct Told<'a>(&'a mut ChunkBuilder);

impl Fields for Told<'_> {
    fn name(&mut self, name: &str) {
        self.0.name(name);
    }

    fn tag(&mut self, tag: &str) {
        self.0.tag(tag);
    }

    fn attribute(&mut self, key: &str, value: kartei_profile::Scalar<'_>) {
        self.0.attribute(key, value);
    }

    fn observation(&mut self, signal: &str, value: f64, at_millis: i64) {
        self.0.observation(signal, value, at_millis);
    }

    fn notes(&mut self, notes: &str) {
        self.0.notes(notes);
    }
}

pub(crate) fn tell(builder: &mut ChunkBuilder, record: &Record) {
    builder.begin(record.id());
    record.tell(&mut Told(builder));
    builder.end();
}

impl Store {
    /// Stores a chunk of records with these keys, and tells the catalog.
    pub(crate) fn add_chunk(
        &mut self,
        catalog: &mut Catalog,
        builder: &mut ChunkBuilder,
        rows: &[(Option<Key>, Record)],
        changed_at: i64,
    ) {
        self.next += 1;
        let id = self.next;
        rows.iter().for_each(|(_, record)| tell(builder, record));
        for (name, body) in builder.finish() {
            self.columns.insert((name, id), body);
        }
        let listed: Vec<Option<Key>> = rows.iter().map(|(key, _)| *key).collect();
        let follow =
            rows.windows(2).all(|two| two[0].0.is_some_and(|first| two[1].0 == Some(first + 1)));
        let keys = match listed.first().copied().flatten() {
            Some(first) if follow => Keys::Run { first, count: u32::try_from(rows.len()).unwrap() },
            _ => Keys::Listed(listed),
        };
        catalog.add_chunk(id, keys, changed_at);
    }

    /// Adds loose profiles to the catalog as rows in memory.
    pub(crate) fn add_rows(&self, catalog: &mut Catalog, builder: &mut ChunkBuilder, keys: &[Key]) {
        keys.iter().for_each(|key| tell(builder, &self.profiles[key].record));
        let changed: Vec<i64> = keys.iter().map(|key| self.profiles[key].changed_at).collect();
        catalog.add_rows(keys, &changed, builder.finish());
    }

    /// The keys that a filter holds for, in the order of keys.
    pub(crate) fn matching(&self, expr: &Expr) -> Vec<Key> {
        let matching = self.profiles.iter().filter(|(_, profile)| facts(profile).matches(expr));
        matching.map(|(key, _)| *key).collect()
    }

    /// Sorts keys the obvious way.
    pub(crate) fn sort(&self, keys: &mut [Key], order: &Order) {
        keys.sort_by(|a, b| {
            let (a, b) = (&self.profiles[a], &self.profiles[b]);
            let by_id = a.record.id().as_bytes().cmp(b.record.id().as_bytes());
            let (a, b) = (value(a, &order.by), value(b, &order.by));
            let missing = a.is_none().cmp(&b.is_none());
            let by_value = match (&a, &b) {
                (Some(a), Some(b)) => a.compare(b),
                _ => Ordering::Equal,
            };
            let ascending = by_value.then(by_id);
            missing.then(if order.descending { ascending.reverse() } else { ascending })
        });
    }
}

enum Sorted {
    Number(f64),
    Texts(String, String),
    Other(u8),
}

impl Sorted {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b).unwrap(),
            (Self::Texts(a, c), Self::Texts(b, d)) => a.cmp(b).then_with(|| c.cmp(d)),
            (a, b) => a.class().cmp(&b.class()),
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Texts(..) => 1,
            Self::Other(class) => *class,
        }
    }
}

fn value(profile: &Profile, by: &OrderKey) -> Option<Sorted> {
    let record: Value = serde_json::from_str(profile.record.text()).unwrap();
    let observations = record["observations"].as_array().cloned().unwrap_or_default();
    match by {
        OrderKey::Id => Some(Sorted::Other(0)),
        OrderKey::Score(_) => None,
        OrderKey::Name => record["display_name"].as_str().map(|name| {
            let folded = name.chars().flat_map(char::to_lowercase).collect();
            Sorted::Texts(folded, name.to_owned())
        }),
        OrderKey::Changed => Some(Sorted::Number(profile.changed_at as f64)),
        OrderKey::Observations => Some(Sorted::Number(observations.len() as f64)),
        OrderKey::LastObservation => {
            let instants = observations.iter().map(|item| item["at"].as_str().unwrap().to_owned());
            instants.max().map(|at| Sorted::Texts(at, String::new()))
        }
        OrderKey::Attribute(key) => match record["attributes"].get(key)? {
            Value::Number(number) => number.as_f64().map(Sorted::Number),
            Value::String(text) => Some(Sorted::Texts(text.clone(), String::new())),
            Value::Bool(flag) => Some(Sorted::Other(2 + u8::from(*flag))),
            _ => Some(Sorted::Other(4)),
        },
    }
}
