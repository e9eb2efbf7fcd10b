//! Scores of profiles in lists, by the calibrations that are active.
//!
//! ```text
//! active calibrations ─▶ Scales ─┬─▶ loose rows, when a list reads them
//!                                ├─▶ rows of a page that shows scores
//!                                └─▶ Store::make_scores ─▶ table scores ─▶ columns of the catalog
//! ```
//! Chunks never change, so scores of one are made once for each calibration. What is not made yet is missing in lists, and
//! counted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kartei_behavior::{Calibration, Fitted, Schema, Scores, Title, ready};
use kartei_filter::{Expr, Term};
use kartei_index::{ScoreColumns, score_column};
use kartei_profile::Record;
use kartei_protocol::desktop::SortKey;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::chunk::{ChunkRow, chunks_after};
use crate::error::{StoreError, damaged};
use crate::list::scores_of;
use crate::profile::ProfileView;
use crate::store::Store;
use crate::writing::Writing;

/// Chunks that are scored and written together: some ten thousand profiles, a second of work.
const PART: usize = 16;

/// Threads that make scores at most: others have work to do as well.
const THREADS_MAX: usize = 4;

/// On how many threads scores are made on this machine.
#[must_use]
pub fn scoring_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// A score that lists know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreName {
    /// `SCHEMA.DIMENSION`: one of these, whatever else is active.
    pub name: String,
    /// The schema.
    pub schema: String,
    /// The dimension.
    pub dimension: String,
    /// As people call the dimension.
    pub title: Option<Title>,
}

/// How far the scores of all profiles are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScoresMade {
    /// Profiles whose scores are there.
    pub made: u64,
    /// All profiles.
    pub total: u64,
}

/// Which dimension of which calibration.
type Place = (usize, usize);

/// The calibrations that are active.
#[derive(Debug, Default)]
pub(crate) struct Scales {
    fitted: Vec<Fitted>,
    /// By each name that a filter may write.
    places: BTreeMap<String, Place>,
}

impl Scales {
    /// Those of a snapshot. One that cannot be read makes no scores: whoever looks at calibrations is told.
    pub(crate) fn load(db: &Transaction<'_>) -> Result<Self, StoreError> {
        let mut select = db.prepare_cached(
            "SELECT c.text, c.schema, c.schema_version, s.text FROM calibrations c \
             LEFT JOIN behavior_schemas s ON s.name = c.schema AND s.version = c.schema_version \
             WHERE c.state = 'active' ORDER BY c.schema",
        )?;
        let mut rows = select.query([])?;
        let mut fitted = Vec::new();
        while let Some(row) = rows.next()? {
            let (text, name): (String, String) = (row.get(0)?, row.get(1)?);
            let (version, kept): (u32, Option<String>) = (row.get(2)?, row.get(3)?);
            let schema = match kept {
                Some(kept) => Schema::parse(&kept).ok(),
                None => {
                    let is_it = |one: &Schema| one.name() == name && one.version() == version;
                    ready().into_iter().find(is_it)
                }
            };
            let (Some(schema), Ok(calibration)) = (schema, Calibration::parse(&text)) else {
                continue;
            };
            fitted.extend(Fitted::new(schema, calibration));
        }
        Ok(Self::of(fitted))
    }

    fn of(fitted: Vec<Fitted>) -> Self {
        let mut places = BTreeMap::new();
        let mut several = Vec::new();
        for (scale, one) in fitted.iter().enumerate() {
            for (at, dimension) in one.schema().dimensions().iter().enumerate() {
                places.insert(format!("{}.{}", one.schema().name(), dimension.name), (scale, at));
                if places.insert(dimension.name.clone(), (scale, at)).is_some() {
                    several.push(dimension.name.clone());
                }
            }
        }
        // A name that two schemas have says neither.
        for name in several {
            places.remove(&name);
        }
        Self { fitted, places }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fitted.is_empty()
    }

    pub(crate) fn versions(&self) -> Vec<&str> {
        self.fitted.iter().map(Fitted::version).collect()
    }

    /// The calibration's version and the dimension's name.
    fn place(&self, name: &str) -> Option<(&str, &str)> {
        let (scale, at) = *self.places.get(name)?;
        let fitted = &self.fitted[scale];
        Some((fitted.version(), &fitted.schema().dimensions()[at].name))
    }

    fn names(&self) -> Vec<ScoreName> {
        let of = |fitted: &Fitted| {
            let schema = fitted.schema().name().to_owned();
            let dimensions = fitted.schema().dimensions().iter();
            let named = dimensions.map(move |dimension| ScoreName {
                name: format!("{schema}.{}", dimension.name),
                schema: schema.clone(),
                dimension: dimension.name.clone(),
                title: dimension.title.clone(),
            });
            named.collect::<Vec<_>>()
        };
        self.fitted.iter().flat_map(of).collect()
    }

    /// That every score which a filter names is one.
    pub(crate) fn check(&self, expr: &Expr) -> Result<(), StoreError> {
        let mut scores = expr.terms().filter_map(|term| match term {
            Term::Score { name, .. } => Some(name.as_str()),
            _ => None,
        });
        scores.try_for_each(|name| self.check_name(name))
    }

    /// That there is a score of this name.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), StoreError> {
        if self.places.contains_key(name) {
            return Ok(());
        }
        let mut known: Vec<&str> = self.places.keys().map(String::as_str).collect();
        let ending = format!(".{name}");
        if known.iter().any(|known| known.ends_with(&ending)) {
            known.retain(|known| known.ends_with(&ending));
        } else {
            known.retain(|known| !known.contains('.'));
        }
        let known = known.into_iter().map(str::to_owned).collect();
        Err(StoreError::NoScore { name: name.to_owned(), known })
    }

    /// What makes scores of rows.
    pub(crate) fn scorers(&self) -> Scorers<'_> {
        Scorers { scales: self, scores: self.fitted.iter().map(Fitted::scores).collect() }
    }

    /// The column of a score for stored chunks.
    pub(crate) fn columns(
        &self,
        db: &Transaction<'_>,
        name: &str,
        chunks: &[i64],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let Some((version, dimension)) = self.place(name) else {
            return Ok(vec![None; chunks.len()]);
        };
        let mut select = db.prepare_cached(
            "SELECT body FROM scores WHERE chunk = ?1 AND version = ?2 AND dimension = ?3",
        )?;
        let mut body = |chunk: &i64| {
            Ok(select.query_row(params![chunk, version, dimension], |row| row.get(0)).optional()?)
        };
        chunks.iter().map(&mut body).collect()
    }

    /// JSON of the versions, for conditions.
    fn listed(&self) -> String {
        serde_json::to_string(&self.versions()).unwrap_or_default()
    }

    /// How many profiles are in chunks without all scores.
    pub(crate) fn waiting(&self, db: &Transaction<'_>) -> Result<u64, StoreError> {
        if self.is_empty() {
            return Ok(0);
        }
        let sql = format!("SELECT coalesce(sum(count), 0) FROM chunks WHERE id IN ({UNSCORED})");
        Ok(db.prepare_cached(&sql)?.query_row([self.listed()], |row| row.get(0))?)
    }
}

/// Chunks without scores by one of the versions in ?1.
const UNSCORED: &str = "SELECT c.id FROM chunks c WHERE EXISTS (SELECT 1 FROM json_each(?1) v \
     WHERE NOT EXISTS (SELECT 1 FROM scores s WHERE s.chunk = c.id AND s.version = v.value))";

/// What makes scores of records, one after the other.
#[derive(Debug)]
pub(crate) struct Scorers<'a> {
    scales: &'a Scales,
    scores: Vec<Scores<'a>>,
}

impl<'a> Scorers<'a> {
    /// The scores that a record has, by their names in full.
    pub(crate) fn named(&mut self, record: &Record) -> BTreeMap<String, f64> {
        let mut named = BTreeMap::new();
        for (fitted, scores) in self.scales.fitted.iter().zip(&mut self.scores) {
            let schema = fitted.schema();
            for (dimension, score) in schema.dimensions().iter().zip(scores.scores(record)) {
                let name = || format!("{}.{}", schema.name(), dimension.name);
                named.extend(score.map(|score| (name(), score)));
            }
        }
        named
    }

    /// Columns of rows that follow.
    pub(crate) fn begin(&self) -> Vec<ScoreColumns> {
        let of = |fitted: &Fitted| ScoreColumns::new(fitted.schema().dimensions().len());
        self.scales.fitted.iter().map(of).collect()
    }

    /// Adds the next row; nothing for one that is gone.
    pub(crate) fn add(&mut self, columns: &mut [ScoreColumns], record: Option<&Record>) {
        for (scores, columns) in self.scores.iter_mut().zip(columns) {
            match record {
                Some(record) => columns.push(scores.scores(record)),
                None => columns.push([]),
            }
        }
    }

    /// The columns under each name that a filter may write.
    pub(crate) fn columns_of(&self, columns: Vec<ScoreColumns>) -> Vec<(String, Vec<u8>)> {
        let bodies: Vec<Vec<Vec<u8>>> = columns.into_iter().map(ScoreColumns::finish).collect();
        let named = self.scales.places.iter();
        named.map(|(name, (scale, at))| (score_column(name), bodies[*scale][*at].clone())).collect()
    }

    /// The columns of a chunk.
    fn chunk(&mut self, db: &Transaction<'_>, chunk: &ChunkRow) -> Result<Made, StoreError> {
        let mut columns = self.begin();
        let mut select = db.prepare_cached(
            "SELECT id, record FROM profiles WHERE pk = ?1 AND deleted = 0 AND loose = 0",
        )?;
        for pk in chunk.keys()? {
            let row: Option<(String, String)> = match pk {
                Some(pk) => {
                    select.query_row([pk], |row| Ok((row.get(0)?, row.get(1)?))).optional()?
                }
                None => None,
            };
            let record = row.map(|(id, text)| {
                Record::from_stored(&text).map_err(|violation| damaged(&id, &violation))
            });
            self.add(&mut columns, record.transpose()?.as_ref());
        }
        let columns = columns.into_iter().map(ScoreColumns::finish).collect();
        Ok(Made { chunk: chunk.id, columns })
    }
}

/// The scores of a chunk: for each calibration the columns of its dimensions.
struct Made {
    chunk: i64,
    columns: Vec<Vec<Vec<u8>>>,
}

/// Takes scores of chunks away together with them.
pub(crate) fn forget(db: &Writing<'_>, chunks: Option<&str>) -> Result<(), StoreError> {
    match chunks {
        Some(chunks) => db.execute(
            "DELETE FROM scores WHERE chunk IN (SELECT value FROM json_each(?1))",
            [chunks],
        )?,
        None => db.execute("DELETE FROM scores", [])?,
    };
    Ok(())
}

impl Store {
    /// The scores that lists know: those of the active calibrations.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn score_names(&self) -> Result<Vec<ScoreName>, StoreError> {
        self.read(|db| Ok(Scales::load(db)?.names()))
    }

    /// The scores of some profiles by the active calibrations, by their names in full.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scores_of(
        &self,
        rows: &[ProfileView],
    ) -> Result<Vec<BTreeMap<String, f64>>, StoreError> {
        scores_of(&self.read(Scales::load)?, rows)
    }

    /// Makes the scores that are missing in lists, on so many threads, and deletes those of calibrations that are no
    /// longer active. After each part `tell` says whether to go on. What was made stays made; so it goes on there the
    /// next time. Answers whether nothing is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn make_scores(
        &self,
        threads: usize,
        mut tell: impl FnMut(ScoresMade) -> ControlFlow<()>,
    ) -> Result<bool, StoreError> {
        loop {
            let (scales, mut chunks, stale) = self.read(|db| {
                let scales = Scales::load(db)?;
                let mut unscored = db.prepare_cached(UNSCORED)?;
                let ids = unscored.query_map([scales.listed()], |row| row.get(0))?;
                let ids: std::collections::BTreeSet<i64> = ids.collect::<Result<_, _>>()?;
                let stale: bool = db.query_row(
                    "SELECT EXISTS (SELECT 1 FROM scores WHERE version NOT IN \
                     (SELECT value FROM json_each(?1)))",
                    [scales.listed()],
                    |row| row.get(0),
                )?;
                let mut chunks = chunks_after(db, 0)?;
                chunks.retain(|chunk| ids.contains(&chunk.id));
                Ok((scales, chunks, stale))
            })?;
            if stale {
                self.write_repeatable(|db| {
                    let gone =
                        "DELETE FROM scores WHERE version NOT IN (SELECT value FROM json_each(?1))";
                    db.execute(gone, [active(db)?])?;
                    Ok(())
                })?;
            }
            if chunks.is_empty() || scales.is_empty() {
                return Ok(true);
            }
            let mut waiting: u64 = chunks.iter().map(|chunk| u64::from(chunk.count)).sum();
            while !chunks.is_empty() {
                let part: Vec<ChunkRow> = chunks.drain(..PART.min(chunks.len())).collect();
                waiting -= part.iter().map(|chunk| u64::from(chunk.count)).sum::<u64>();
                let made = self.score_chunks(&scales, &part, threads)?;
                let is_current = self.write_scores(&scales, &made)?;
                let total = self.totals_of_profiles()?;
                let told = ScoresMade { made: total.saturating_sub(waiting), total };
                if tell(told).is_break() {
                    return Ok(false);
                }
                if !is_current {
                    break;
                }
            }
        }
    }

    /// Makes what is missing of scores where a filter or an order names one, and says whether one does: for what has to
    /// be right at once rather than soon.
    ///
    /// # Errors
    /// [`StoreError::Filter`] or a failure.
    pub fn settle_scores(&self, filter: &str, sort: &SortKey) -> Result<bool, StoreError> {
        let named =
            kartei_filter::parse(filter)?.score().is_some() || matches!(sort, SortKey::Score(_));
        if named {
            self.make_scores(scoring_threads(), |_| ControlFlow::Continue(()))?;
        }
        Ok(named)
    }

    fn totals_of_profiles(&self) -> Result<u64, StoreError> {
        self.read(|db| Ok(db.query_row("SELECT profiles FROM counters", [], |row| row.get(0))?))
    }

    fn score_chunks(
        &self,
        scales: &Scales,
        chunks: &[ChunkRow],
        threads: usize,
    ) -> Result<Vec<Made>, StoreError> {
        let next = AtomicUsize::new(0);
        let work = || {
            self.read(|db| {
                let (mut scorers, mut made) = (scales.scorers(), Vec::new());
                while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    made.push(scorers.chunk(db, chunk)?);
                }
                Ok(made)
            })
        };
        let parts: Vec<Result<Vec<Made>, StoreError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            joined.collect()
        });
        let parts: Vec<Vec<Made>> = parts.into_iter().collect::<Result<_, _>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Says whether the calibrations are still those that the scores are by; nothing is written otherwise.
    fn write_scores(&self, scales: &Scales, made: &[Made]) -> Result<bool, StoreError> {
        self.write_repeatable(|db| {
            if active(db)? != scales.listed() {
                return Ok(false);
            }
            let mut insert = db.prepare_cached(
                "INSERT OR REPLACE INTO scores (chunk, version, dimension, body) \
                 SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM chunks WHERE id = ?1)",
            )?;
            for Made { chunk, columns } in made {
                for (fitted, bodies) in scales.fitted.iter().zip(columns) {
                    let dimensions = fitted.schema().dimensions().iter();
                    for (dimension, body) in dimensions.zip(bodies) {
                        insert.execute(params![chunk, fitted.version(), dimension.name, body])?;
                    }
                }
            }
            Ok(true)
        })
    }
}

/// JSON of the versions that are active and can be read, as [`Scales::listed`].
fn active(db: &Transaction<'_>) -> Result<String, StoreError> {
    Ok(Scales::load(db)?.listed())
}

/// The calibrations that are active, as lists hold them, where they are others than `known`.
pub(crate) fn others_than(
    known: &Scales,
    seen: &mut Vec<String>,
    db: &Transaction<'_>,
) -> Result<Option<Arc<Scales>>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT version FROM calibrations WHERE state = 'active' ORDER BY schema",
    )?;
    let active: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if active == *seen {
        return Ok(None);
    }
    let scales = Scales::load(db)?;
    let is_same = scales.versions() == known.versions();
    *seen = active;
    Ok((!is_same).then(|| Arc::new(scales)))
}
