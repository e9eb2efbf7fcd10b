//! The profiles that a filter holds for.

use std::sync::Arc;

use kartei_filter::{Expr, Status};

use crate::bits;
use crate::catalog::Catalog;
use crate::error::{Damage, Error};
use crate::evaluate::{Found, Rows};
use crate::keys::Key;
use crate::parts::in_parts;
use crate::plan::{Plan, StatusRows, each_status};
use crate::source::Source;

/// Selections that are remembered: the list in sight, the one before, and some completions.
const REMEMBERED_MAX: usize = 8;

/// The profiles that a filter holds for, at the time it was selected.
#[derive(Debug)]
pub struct Matches {
    pub(crate) rows: Vec<u64>,
    pub(crate) count: usize,
    /// Distinguishes it from all others of its catalog.
    pub(crate) id: u64,
    pub(crate) version: u64,
    pub(crate) numbering: u64,
}

impl Matches {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

#[derive(Debug)]
struct Selection {
    expr: Expr,
    /// `None` where the filter names no status.
    status_version: Option<u64>,
    matches: Arc<Matches>,
}

/// What was selected lately, and which keys have which status.
#[derive(Debug, Default)]
pub(crate) struct Selections {
    remembered: Vec<Selection>,
    next_id: u64,
    status_version: u64,
    with_status: Vec<(Status, Arc<Vec<Key>>)>,
}

impl Selections {
    /// Bytes of what is remembered.
    pub(crate) fn bytes(&self) -> usize {
        let rows: usize = self.remembered.iter().map(|one| one.matches.rows.len()).sum();
        let keys: usize = self.with_status.iter().map(|(_, keys)| keys.len()).sum();
        (rows + keys) * size_of::<u64>()
    }

    /// Forgets what was selected.
    pub(crate) fn forget(&mut self) {
        self.remembered.clear();
    }
}

impl Catalog {
    /// Says that statuses are those of `version`: with another one than before, they are asked for
    /// anew.
    pub fn set_status_version(&mut self, version: u64) {
        if self.selections.status_version != version {
            self.selections.status_version = version;
            self.selections.with_status.clear();
        }
    }

    /// The profiles that a filter holds for. The latest ones are remembered.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Source`].
    pub fn select<S: Source>(
        &mut self,
        expr: &Expr,
        source: &mut S,
    ) -> Result<Arc<Matches>, Error<S::Error>> {
        let mut named = Vec::new();
        each_status(expr, &mut |status| named.push(status));
        let status_version = (!named.is_empty()).then_some(self.selections.status_version);
        self.selections.remembered.retain(|one| one.matches.version == self.version);
        let known = self
            .selections
            .remembered
            .iter()
            .position(|one| one.status_version == status_version && one.expr == *expr);
        if let Some(at) = known {
            let found = self.selections.remembered.remove(at);
            let matches = Arc::clone(&found.matches);
            self.selections.remembered.push(found);
            return Ok(matches);
        }
        let statuses = self.status_rows(&named, source)?;
        let plan = Plan::new(expr, &statuses);
        self.load(&plan.columns, source)?;
        let rows = self.evaluate(&plan, source)?;
        let matches = Arc::new(Matches {
            count: bits::count(&rows),
            rows,
            id: self.selections.next_id,
            version: self.version,
            numbering: self.numbering,
        });
        self.selections.next_id += 1;
        let remembered = &mut self.selections.remembered;
        if remembered.len() == REMEMBERED_MAX {
            remembered.remove(0);
        }
        let matches_too = Arc::clone(&matches);
        remembered.push(Selection { expr: expr.clone(), status_version, matches: matches_too });
        Ok(matches)
    }

    /// The profiles of today with these keys, which ascend.
    pub fn matches_of(&mut self, keys: &[Key]) -> Matches {
        let rows = self.rows_of(keys);
        let (count, id) = (bits::count(&rows), self.selections.next_id);
        self.selections.next_id += 1;
        Matches { rows, count, id, version: self.version, numbering: self.numbering }
    }

    /// The rows of profiles with each of some statuses.
    pub(crate) fn status_rows<S: Source>(
        &mut self,
        named: &[Status],
        source: &mut S,
    ) -> Result<StatusRows, Error<S::Error>> {
        let mut rows = StatusRows::new();
        for status in named {
            if rows.iter().any(|(of, _)| of == status) {
                continue;
            }
            let of = if *status == Status::Synced {
                let mut synced = self.live.clone();
                for other in [Status::Pending, Status::Conflict, Status::Rejected] {
                    let keys = self.keys_with(other, source)?;
                    let rows = self.rows_of(&keys);
                    synced.iter_mut().zip(&rows).for_each(|(synced, row)| *synced &= !row);
                }
                synced
            } else {
                let keys = self.keys_with(*status, source)?;
                self.rows_of(&keys)
            };
            rows.push((*status, Arc::new(of)));
        }
        Ok(rows)
    }

    fn keys_with<S: Source>(
        &mut self,
        status: Status,
        source: &mut S,
    ) -> Result<Arc<Vec<Key>>, Error<S::Error>> {
        let known = &mut self.selections.with_status;
        if let Some((_, keys)) = known.iter().find(|(of, _)| *of == status) {
            return Ok(Arc::clone(keys));
        }
        let mut keys = source.with_status(status).map_err(Error::Source)?;
        keys.sort_unstable();
        let keys = Arc::new(keys);
        known.push((status, Arc::clone(&keys)));
        Ok(keys)
    }

    fn evaluate<S: Source>(
        &self,
        plan: &Plan<'_>,
        source: &mut S,
    ) -> Result<Vec<u64>, Error<S::Error>> {
        let bodies: Vec<_> = plan.columns.iter().map(|name| self.bodies(name)).collect();
        let rows_at =
            |at: usize| Rows { chunk: &self.chunks[at], bodies: &bodies, at, names: &plan.columns };
        let parts = in_parts(self.chunks.len(), self.live_count, |range| {
            let mut found = Vec::with_capacity(range.len());
            for at in range {
                let live = &self.live[self.chunks[at].words()];
                if live.iter().all(|word| *word == 0) {
                    continue;
                }
                let mut one = rows_at(at).evaluate::<Damage>(&plan.root, &mut |_, _| Ok(()))?;
                and(&mut one, live);
                found.push((at, one));
            }
            Ok::<_, Damage>(found)
        });
        let mut rows = vec![0; self.live.len()];
        for part in parts {
            for (at, mut found) in part? {
                if found.open() {
                    found = self.resolve(rows_at(at), plan, &found, source)?;
                }
                rows[self.chunks[at].words()].copy_from_slice(&found.certain);
            }
        }
        Ok(rows)
    }

    /// Evaluates a chunk again and asks the store where columns cannot tell, for those rows only
    /// whose answer depends on it.
    fn resolve<S: Source>(
        &self,
        rows: Rows<'_>,
        plan: &Plan<'_>,
        before: &Found,
        source: &mut S,
    ) -> Result<Found, Error<S::Error>> {
        let wanted: Vec<u64> =
            before.possible.iter().zip(&before.certain).map(|(p, c)| p & !c).collect();
        let mut found = rows.evaluate::<Error<S::Error>>(&plan.root, &mut |term, found| {
            let open: Vec<(usize, Key)> = bits::iter(&wanted)
                .filter(|row| bits::has(&found.possible, *row) && !bits::has(&found.certain, *row))
                .filter_map(|row| Some((row, rows.chunk.keys.key_of(row)?)))
                .collect();
            let keys: Vec<Key> = open.iter().map(|(_, key)| *key).collect();
            source.expect(&keys).map_err(Error::Source)?;
            for (row, key) in open {
                if source.holds(key, term).map_err(Error::Source)? {
                    bits::set(&mut found.certain, row);
                } else {
                    bits::clear(&mut found.possible, row);
                }
            }
            Ok(())
        })?;
        for (at, certain) in found.certain.iter_mut().enumerate() {
            *certain = before.certain[at] | (*certain & wanted[at]);
        }
        Ok(found)
    }

    /// The keys of matches in ascending order, without those deleted since.
    ///
    /// # Errors
    /// [`Error::Outdated`]; `E` is never used.
    pub fn keys<E>(&self, matches: &Matches) -> Result<Vec<Key>, Error<E>> {
        if matches.numbering != self.numbering {
            return Err(Error::Outdated);
        }
        let mut keys = Vec::with_capacity(matches.count);
        for chunk in &self.chunks {
            let words = chunk.words();
            let Some(rows) = matches.rows.get(words.clone()) else { continue };
            for (at, word) in rows.iter().enumerate() {
                let both = word & self.live[words.start + at];
                bits::each(&[both], |row| {
                    keys.extend(chunk.keys.key_of(at * bits::WORD + row));
                });
            }
        }
        if !keys.is_sorted() {
            keys.sort_unstable();
        }
        Ok(keys)
    }
}

fn and(found: &mut Found, live: &[u64]) {
    for (at, live) in live.iter().enumerate() {
        found.certain[at] &= live;
        found.possible[at] &= live;
    }
}
