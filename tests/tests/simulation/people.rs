//! What people do, and what they are told was done.

use std::collections::{BTreeMap, BTreeSet};

use kartei_local_store::{BlockBuilder, ImportStart, Landed, Session, Store, StoreError};
use kartei_profile::{Edit, HistoryKind};
use kartei_protocol::desktop::Selection;
use kartei_sync_core::Event;
use serde_json::{Value, json};

use crate::broken::{Broken, Invariant, Result};
use crate::ledger::{Edited, Place};
use crate::relays::Sabotage;
use crate::replica::Replica;
use crate::world::World;

/// This profile is also restored to earlier states, so nobody's last value in it is certain.
const RESTORED: &str = "p0";

/// Bytes of a large profile: most of a page of the database, which has none to spare then.
const LARGE_BYTES: usize = 14_000;

/// Moments of observations: all in one hour, so that order is decided by more than time.
const AT: &str = "2026-01-01T00:00:00Z";

/// What every record of an organisation says somewhere, and none of another may say.
pub(crate) fn mark((database, organisation): Place) -> String {
    format!("place-{database}-{organisation}")
}

/// By profile, what each person's own attribute says.
type OwnValues = BTreeMap<String, Vec<Option<u64>>>;

/// The attribute that one person sets and nobody else.
pub(crate) fn own_key(who: usize) -> String {
    format!("r{who}")
}

impl Replica {
    pub(crate) fn place(&self) -> Place {
        (self.database, self.organisation)
    }

    /// What each of so many people's own attribute says in every profile here.
    fn own_values(&mut self, people: usize) -> Result<OwnValues> {
        let lines = records(self.store()?)?;
        lines
            .iter()
            .map(|line| {
                let record: Value = serde_json::from_str(line)?;
                let own = |who| record["attributes"][own_key(who)].as_u64();
                Ok((text(&record["id"]), (0..people).map(own).collect()))
            })
            .collect()
    }

    /// Ids of the observations of every profile here.
    fn observations(&mut self) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let lines = records(self.store()?)?;
        lines
            .iter()
            .map(|line| {
                let record: Value = serde_json::from_str(line)?;
                Ok((text(&record["id"]), observation_ids(&record).map(str::to_owned).collect()))
            })
            .collect()
    }
}

/// All records of a store, in the order of their ids.
pub(crate) fn records(store: &Store) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    store.export(&Selection::default(), |exported| {
        let mut seen = usize::MAX;
        while lines.len() != seen {
            seen = lines.len();
            exported.next(|line| lines.push(line.to_owned()))?;
        }
        Ok::<(), StoreError>(())
    })??;
    Ok(lines)
}

pub(crate) fn observation_ids(record: &Value) -> impl Iterator<Item = &str> {
    record["observations"].as_array().into_iter().flatten().filter_map(|o| o["id"].as_str())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a refusal says that a person understands: nothing was done, and nobody was told so.
fn understood(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DiskFull
            | StoreError::Locked
            | StoreError::NotFound(_)
            | StoreError::Blocked(_)
            | StoreError::Edit(_)
    )
}

impl World {
    /// A person does something.
    pub(crate) fn act(&mut self, at: usize) -> Result<()> {
        self.counts.acts += 1;
        let id = self.profile(at)?;
        let done = match self.dice.roll(20) {
            0..=4 => self.import(at)?,
            5..=14 => self.edit(at, &id)?,
            15 => self.edit_many(at)?,
            16 => self.resolve(at)?,
            17 => self.undo(at, false)?,
            18 => self.undo(at, true)?,
            19 if self.dice.roll(2) == 0 => self.delete(at, &id)?,
            _ => self.restore(at)?,
        };
        self.counts.acknowledged += u64::from(done);
        self.betray(at, &id)?;
        if done { self.tell(at, Event::LocalChange) } else { Ok(()) }
    }

    /// A profile that is there, mostly.
    fn profile(&mut self, at: usize) -> Result<String> {
        let some = format!("p{}", self.dice.roll(self.plan.profiles));
        let mut lines = records(self.replicas[at].store()?)?;
        lines.retain(|line| line.len() < LARGE_BYTES);
        if lines.is_empty() || self.dice.roll(20) == 0 {
            return Ok(some);
        }
        let line = &lines[pick(self.dice.roll(lines.len() as u64))];
        Ok(text(&serde_json::from_str::<Value>(line)?["id"]))
    }

    /// A file with some profiles; their content varies, so replicas begin the same profile
    /// differently.
    pub(crate) fn import(&mut self, at: usize) -> Result<bool> {
        let place = self.replicas[at].place();
        let mut records = BTreeMap::new();
        for _ in 0..=self.dice.roll(3) {
            let id = format!("p{}", self.dice.roll(self.plan.profiles));
            let variant = self.dice.roll(3);
            let record = json!({
                "schema": "user_profile.v1", "id": id, "display_name": format!("name{variant}"),
                "attributes": {"city": format!("city{variant}"), "same": 1, "place": mark(place)},
                "observations": [{"id": format!("file-{id}-{variant}"), "signal": "s",
                    "value": variant, "at": AT, "source": mark(place)}],
            });
            records.insert(id, record);
        }
        self.import_file(at, records.into_values().collect())
    }

    /// A file of one large profile, which a full disk may refuse.
    pub(crate) fn import_large(&mut self, at: usize) -> Result<()> {
        let place = self.replicas[at].place();
        let id = format!("large{}", self.dice.roll(self.plan.profiles));
        let long = "long ".repeat(40);
        let attributes: BTreeMap<String, String> =
            (0..LARGE_BYTES / 200).map(|n| (format!("a{n}"), long.clone())).collect();
        let record = json!({"schema": "user_profile.v1", "id": id, "display_name": mark(place),
            "attributes": attributes});
        self.import_file(at, vec![record]).map(|_| ())
    }

    /// Imports a file. It may have to be imported again after a loss of power: see
    /// `Store::write_repeatable`.
    pub(crate) fn import_file(&mut self, at: usize, records: Vec<Value>) -> Result<bool> {
        let replica = &mut self.replicas[at];
        let now = replica.clock(self.queue.now());
        let store = replica.store()?;
        let start = ImportStart { file: "file".to_owned(), now, ..ImportStart::default() };
        let began = store.begin_import(&start).map(|writer| writer.import());
        if let Err(error) = began {
            return self.refused(&error);
        }
        replica.forced();
        let store = replica.store()?;
        let mut builder = BlockBuilder::default();
        for record in &records {
            let line = builder.add(store.schema(), record.to_string().as_bytes());
            line.map_err(|e| Broken::new(Invariant::Failure, format!("an import: {e:?}")))?;
        }
        let writer = match store.begin_import(&start) {
            Ok(writer) => writer,
            Err(error) => return self.refused(&error),
        };
        let landed: Vec<Landed> = match writer.write(&[builder.finish(None)]) {
            Ok(landed) => landed,
            Err(error) => return self.refused(&error),
        };
        let place = replica.place();
        self.say(|| format!("{at}: import of {records:?}: {landed:?}"));
        // What was here before promises nothing new: the relay may have forgotten that profile.
        let news = records.iter().zip(&landed).filter(|(_, landed)| **landed != Landed::Unchanged);
        for (record, _) in news {
            for observation in observation_ids(record) {
                self.ledger.observed(place, record["id"].as_str().unwrap_or(""), observation);
            }
        }
        self.replicas[at].unforced.push(records);
        Ok(landed.iter().any(|one| *one != Landed::Unchanged))
    }

    fn edit(&mut self, at: usize, id: &str) -> Result<bool> {
        let replica = &mut self.replicas[at];
        let place = replica.place();
        replica.edits += 1;
        let count = replica.edits;
        let fact = format!("fact-{at}-{count}");
        let fixed = id != RESTORED;
        let key = |name: &str| format!("/attributes/{name}");
        let mut edits = Vec::new();
        let dice = &mut self.dice;
        let (sets, adds) = (dice.roll(10) < 7, dice.roll(10) < 6);
        if sets || !adds {
            edits.push(Edit::Set { pointer: key(&own_key(at)), value: json!(count) });
        }
        if adds {
            let value = json!({"id": fact, "signal": "s", "value": count, "at": AT,
                "source": mark(place)});
            edits.push(Edit::Add { pointer: "/observations".into(), value });
        }
        if dice.roll(2) == 0 {
            edits.push(Edit::Set { pointer: key("shared"), value: json!(dice.roll(3)) });
        }
        match dice.roll(8) {
            0 => edits.push(Edit::Add {
                pointer: "/tags".into(),
                value: json!(format!("t{}", count % 5)),
            }),
            1 => edits.push(Edit::Set {
                pointer: "/notes".into(),
                value: json!(format!("{at} says {count}")),
            }),
            2 => edits.push(Edit::Set {
                pointer: "/display_name".into(),
                value: json!(format!("n{count}")),
            }),
            3 => edits.push(Edit::Unset { pointer: key("shared") }),
            4 => edits.push(Edit::Set {
                pointer: "/consent".into(),
                value: json!({"analytics": count.is_multiple_of(2), "recorded_at": AT}),
            }),
            _ => {}
        }
        let removes = dice.roll(8) == 0;
        let gone = if removes { self.some_observation(at, id)? } else { None };
        if let Some(gone) = &gone {
            // Also where it fails: an edit that was not acknowledged may still have been made.
            self.ledger.withdraw(place, id, gone);
            edits.push(Edit::Remove { pointer: "/observations".into(), value: json!(gone) });
        }
        let now = self.replicas[at].clock(self.queue.now());
        let session = self.replicas[at].session.clone();
        let replica = &mut self.replicas[at];
        let done = match replica.store()?.edit(&session, now, id, &edits) {
            Ok(done) => done,
            Err(error) => return self.refused(&error),
        };
        replica.forced();
        if done {
            self.note_edit(at, id)?;
        }
        if adds {
            self.ledger.observed(place, id, &fact);
        }
        if fixed && (sets || !adds) {
            self.ledger.set(place, id, at, Some(count));
        }
        Ok(done)
    }

    fn some_observation(&mut self, at: usize, id: &str) -> Result<Option<String>> {
        let record = match self.replicas[at].store()?.record(id) {
            Ok(record) => Value::Object(record.members().clone()),
            Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let all: Vec<&str> = observation_ids(&record).collect();
        if all.is_empty() {
            return Ok(None);
        }
        Ok(Some(all[pick(self.dice.roll(all.len() as u64))].to_owned()))
    }

    /// The newest change of a profile here is this person's.
    fn note_edit(&mut self, at: usize, id: &str) -> Result<()> {
        let replica = &mut self.replicas[at];
        let place = replica.place();
        let history = replica.store()?.history(id)?;
        let last = history.last().filter(|row| row.entry.kind == HistoryKind::Edit);
        let Some(last) = last else {
            let detail = format!("`{id}` at replica {at} shows no edit right after one");
            return Err(Broken::new(Invariant::Edits, detail));
        };
        let change = last.entry.change;
        let id = id.to_owned();
        self.say(|| format!("{at}: edit {change} of `{id}`"));
        self.ledger.edits.push(Edited { place, replica: at, id, change, replayed: false });
        Ok(())
    }

    fn edit_many(&mut self, at: usize) -> Result<bool> {
        let ids = (0..self.plan.profiles).filter(|_| self.dice.roll(2) == 0);
        let ids: Vec<String> = ids.map(|n| format!("p{n}")).collect();
        let value = json!(self.dice.roll(4));
        let edits = [Edit::Set { pointer: "/attributes/bulk".into(), value }];
        let selection = Selection { ids: Some(ids), ..Selection::default() };
        self.take_step(at, |store, session, now| {
            Ok(store.edit_many(session, now, &selection, &edits)?.changed > 0)
        })
    }

    fn undo(&mut self, at: usize, again: bool) -> Result<bool> {
        self.take_step(at, |store, session, now| {
            let done = if again { store.redo(session, now) } else { store.undo(session, now) };
            Ok(done?.changed > 0)
        })
    }

    fn delete(&mut self, at: usize, id: &str) -> Result<bool> {
        self.take_step(at, |store, session, now| store.delete(session, now, id))
    }

    fn resolve(&mut self, at: usize) -> Result<bool> {
        let choice = pick(self.dice.roll(1_000));
        self.take_step(at, |store, session, now| {
            for line in records(store).map_err(|e| StoreError::Blocked(e.to_string()))? {
                let record: Value = serde_json::from_str(&line).unwrap_or_default();
                let id = text(&record["id"]);
                let conflicts = store.conflicts(&id)?;
                if conflicts.is_empty() {
                    continue;
                }
                let conflict = &conflicts[choice % conflicts.len()];
                let value = &conflict.values[choice % conflict.values.len()];
                return store.resolve(session, now, &id, &conflict.pointer, &value.key);
            }
            Ok(false)
        })
    }

    fn restore(&mut self, at: usize) -> Result<bool> {
        let choice = pick(self.dice.roll(1_000));
        self.take_step(at, |store, session, now| {
            let history = store.history(RESTORED)?;
            let change = history[choice % history.len()].entry.change;
            store.restore(session, now, RESTORED, change)
        })
    }

    /// A step that may take observations and own values away again: what it took is not expected
    /// any more.
    fn take_step(
        &mut self,
        at: usize,
        work: impl FnOnce(&Store, &Session, i64) -> std::result::Result<bool, StoreError>,
    ) -> Result<bool> {
        let now = self.replicas[at].clock(self.queue.now());
        let people = self.replicas.len();
        let replica = &mut self.replicas[at];
        let place = replica.place();
        let before = replica.observations()?;
        let values = replica.own_values(people)?;
        let session = replica.session.clone();
        let done = match work(replica.store()?, &session, now) {
            Ok(done) => done,
            Err(error) => return self.refused(&error),
        };
        if !done {
            return Ok(false);
        }
        replica.forced();
        let after = replica.observations()?;
        for (id, ids) in &before {
            for gone in ids.iter().filter(|one| !after.get(id).is_some_and(|a| a.contains(*one))) {
                self.ledger.withdraw(place, id, gone);
            }
        }
        // Only what the step changed: of the rest nobody was told anything now, and the relay may have
        // forgotten such a profile before this replica hears of it.
        for (id, after) in self.replicas[at].own_values(people)? {
            if id == RESTORED {
                continue;
            }
            let before = values.get(&id);
            if before.is_none_or(|before| before[at] != after[at]) {
                self.ledger.set(place, &id, at, after[at]);
            }
            for who in (0..people).filter(|who| *who != at) {
                // Somebody decided between two of another person's values, or took that back.
                if before.is_some_and(|before| before[who] != after[who]) {
                    self.ledger.set(place, &id, who, None);
                }
            }
        }
        Ok(true)
    }

    /// A refusal that a person understands is no act; any other is a fault of the store.
    fn refused(&mut self, error: &StoreError) -> Result<bool> {
        self.counts.full += u64::from(matches!(error, StoreError::DiskFull));
        if understood(error) {
            return Ok(false);
        }
        Err(Broken::new(Invariant::Failure, format!("a person's step: {error}")))
    }

    /// What somebody does behind the ledger's back.
    fn betray(&mut self, at: usize, id: &str) -> Result<()> {
        let place = self.replicas[at].place();
        let late = self.counts.acts > self.plan.acts / 2;
        let edit = match self.plan.sabotage {
            Some(Sabotage::ObservationRemoved) if late => {
                let kept = self.ledger.observations().filter(|(p, i, _)| *p == place && *i == id);
                let Some((_, _, gone)) = kept.last() else { return Ok(()) };
                Edit::Remove { pointer: "/observations".into(), value: json!(gone) }
            }
            Some(Sabotage::ValueOverwritten) if late => {
                let kept = self.ledger.values().find(|(p, i, _, _)| *p == place && *i == id);
                let Some((_, _, who, _)) = kept else { return Ok(()) };
                Edit::Set { pointer: format!("/attributes/r{who}"), value: json!("mine") }
            }
            _ => return Ok(()),
        };
        let now = self.replicas[at].clock(self.queue.now());
        let session = self.replicas[at].session.clone();
        match self.replicas[at].store()?.edit(&session, now, id, &[edit]) {
            Ok(_) | Err(StoreError::NotFound(_) | StoreError::Edit(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A roll as an index.
pub(crate) fn pick(roll: u64) -> usize {
    usize::try_from(roll).unwrap_or(0)
}
