//! A database in memory, and what lists of it should be.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::convert::Infallible;

use kartei_filter::{Expr, RecordFacts, Status};
use kartei_index::{Key, Order, OrderKey};
use kartei_profile::Record;
use serde_json::Value;

use super::made::text;
use crate::{BringUpError, Change, Limits, LiveList, Page, PageQuery, Row, RowSource};

/// Profiles, and the revisions that changed them.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) rows: BTreeMap<Key, Row>,
    /// Keys that are gone, with the revision of that.
    removed: Vec<(u64, Key)>,
    pub(crate) rev: u64,
    next_key: Key,
    /// How often texts were asked for.
    pub(crate) asked: usize,
}

impl RowSource for Database {
    type Error = Infallible;

    fn texts(&mut self, keys: &[Key], found: &mut dyn FnMut(Key, &str)) -> Result<(), Infallible> {
        self.asked += 1;
        for row in keys.iter().filter_map(|key| self.rows.get(key)) {
            found(row.key, &row.text);
        }
        Ok(())
    }
}

impl Database {
    /// A new profile, in a revision of its own.
    pub(crate) fn insert(&mut self, content: &Value, conflicts: u32) -> Key {
        // Keys of one organisation are not those of its neighbours, and need not be in a row.
        self.next_key += if self.next_key % 5 == 0 { 3 } else { 1 };
        let key = self.next_key;
        let kind = ["a", "person-with-a-long-id-", "b.7"][usize::try_from(key % 3).unwrap()];
        self.write(key, &format!("{kind}{}", key * 37 % 1_009), content, conflicts);
        key
    }

    pub(crate) fn edit(&mut self, key: Key, content: &Value, conflicts: u32) {
        let id = self.rows[&key].id.clone();
        self.write(key, &id, content, conflicts);
    }

    fn write(&mut self, key: Key, id: &str, content: &Value, conflicts: u32) {
        self.rev += 1;
        let changed_at = i64::try_from(self.rev % 9).unwrap();
        let row = Row {
            key,
            id: id.to_owned(),
            text: text(content, id),
            conflicts,
            changed_at,
            rev: self.rev,
        };
        self.rows.insert(key, row);
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.rev += 1;
        self.rows.remove(&key);
        self.removed.push((self.rev, key));
    }

    pub(crate) fn key_at(&self, at: usize) -> Option<Key> {
        let keys: Vec<Key> = self.rows.keys().copied().collect();
        (!keys.is_empty()).then(|| keys[at % keys.len()])
    }

    /// What changed after a revision, in the order of revisions.
    pub(crate) fn changes(&self, since: u64) -> Vec<Change> {
        let puts = self.rows.values().filter(|row| row.rev > since);
        let mut changes: Vec<(u64, Change)> =
            puts.map(|row| (row.rev, Change::Put(row.clone()))).collect();
        let removed = self.removed.iter().filter(|(rev, _)| *rev > since);
        changes.extend(removed.map(|(rev, key)| (*rev, Change::Removed(*key))));
        changes.sort_by_key(|(rev, _)| *rev);
        changes.into_iter().map(|(_, change)| change).collect()
    }

    /// Brings a list up, in batches on several threads where there are some.
    pub(crate) fn bring_up(&self, list: &mut LiveList, threads: usize, batch: usize) {
        let changes = self.changes(list.rev());
        if threads == 0 {
            return list.bring_up(changes, self.rev).unwrap();
        }
        let batches = changes.chunks(batch).map(|batch| Ok::<_, BringUpError>(batch.to_vec()));
        list.bring_up_on(threads, batches, self.rev).unwrap();
    }

    /// A list of today.
    pub(crate) fn list(&self) -> LiveList {
        let mut list = LiveList::new(Limits::default());
        self.bring_up(&mut list, 0, 0);
        list
    }

    /// Gives worn rows again, as a caller does.
    pub(crate) fn renew(&self, list: &mut LiveList, rows_max: usize) -> usize {
        let worn = list.worn(rows_max);
        let rows = worn.iter().map(|key| Change::Put(self.rows[key].clone()));
        list.bring_up(rows, self.rev).unwrap();
        worn.len()
    }

    /// The keys that a filter holds for, ascending.
    pub(crate) fn matching(&self, filter: Option<&Expr>) -> Vec<Key> {
        let mut facts = RecordFacts::default();
        let mut holds = |row: &&Row| {
            facts.tell(&Record::from_stored(&row.text).unwrap());
            let status = if row.conflicts > 0 { Status::Conflict } else { Status::Synced };
            facts.stand(status, row.changed_at);
            filter.is_none_or(|filter| facts.matches(filter))
        };
        self.rows.values().filter(|row| holds(row)).map(|row| row.key).collect()
    }

    /// Sorts keys the obvious way.
    pub(crate) fn sort(&self, keys: &mut [Key], order: &Order) {
        let mut keyed: Vec<(Option<Rank>, &str, Key)> = keys
            .iter()
            .map(|key| (rank(&self.rows[key], &order.by), self.rows[key].id.as_str(), *key))
            .collect();
        keyed.sort_by(|a, b| {
            let values = match (&a.0, &b.0) {
                (Some(a), Some(b)) => a.partial_cmp(b).unwrap(),
                _ => Ordering::Equal,
            };
            let ascending = values.then_with(|| a.1.cmp(b.1));
            let directed = if order.descending { ascending.reverse() } else { ascending };
            a.0.is_none().cmp(&b.0.is_none()).then(directed)
        });
        keys.iter_mut().zip(keyed).for_each(|(key, (.., sorted))| *key = sorted);
    }

    /// A page of a list of this database.
    pub(crate) fn page(
        &mut self,
        list: &mut LiveList,
        filter: Option<&Expr>,
        order: &Order,
        after: Option<&str>,
        limit: usize,
    ) -> Page {
        list.page(&PageQuery { filter, order, after, limit }, self).unwrap()
    }
}

/// Class of the value, the number, the texts.
type Rank = (u8, f64, String, String);

fn rank(row: &Row, by: &OrderKey) -> Option<Rank> {
    let record: Value = serde_json::from_str(&row.text).unwrap();
    let number = |number: f64| Some((0, number, String::new(), String::new()));
    let words = |text: &str, detail: &str| Some((1, 0.0, text.to_owned(), detail.to_owned()));
    let observations = record["observations"].as_array().cloned().unwrap_or_default();
    match by {
        OrderKey::Id => number(0.0),
        OrderKey::Name => {
            let name = record["display_name"].as_str()?;
            words(&name.chars().flat_map(char::to_lowercase).collect::<String>(), name)
        }
        OrderKey::Changed => number(i32::try_from(row.changed_at).unwrap().into()),
        OrderKey::Observations => number(i32::try_from(observations.len()).unwrap().into()),
        OrderKey::LastObservation => {
            words(observations.iter().filter_map(|one| one["at"].as_str()).max()?, "")
        }
        OrderKey::Score(_) => None,
        OrderKey::Attribute(key) => match record["attributes"].get(key)? {
            Value::Number(value) => number(value.as_f64()?),
            Value::String(text) => words(text, ""),
            Value::Bool(flag) => Some((2 + u8::from(*flag), 0.0, String::new(), String::new())),
            _ => Some((4, 0.0, String::new(), String::new())),
        },
    }
}
