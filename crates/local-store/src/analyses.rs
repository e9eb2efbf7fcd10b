//! Analyses that wait for the relay, what was heard of others, and results that were looked at.

use kartei_sync_core::has_text;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use crate::erasure::Erasures;
use crate::error::StoreError;
use crate::mentions::{self, Named};
use crate::store::Store;

/// Analyses of a relay that are remembered, the newest.
const KEPT_MAX: i64 = 1_000;

/// Analyses that wait for the relay at most: a queue that nobody would still want.
const WAITING_MAX: i64 = 100;

/// Results of a relay that are kept, those that were looked at last.
const RESULTS_MAX: i64 = 200;

/// An analysis that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnalysis {
    /// Which relay and organisation.
    pub relay: String,
    /// The client's own name for the request.
    pub key: String,
    /// JSON, as it is sent.
    pub asked: String,
    /// The relay's id of the one that it tries again.
    pub retry_of: Option<String>,
}

/// What the relay said of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardAnalysis {
    /// The relay's id.
    pub job: String,
    /// JSON, as it was asked for.
    pub asked: String,
    /// JSON: all that was said.
    pub heard: String,
    /// Of how many of its events that tells: what is older does not take the place of what is newer.
    pub event_seq: u64,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// An analysis as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnalysis {
    /// Its number here.
    pub id: u64,
    /// The relay's id; it waits here without one.
    pub job: Option<String>,
    /// The client's own name for the request, of one that was asked for here.
    pub key: Option<String>,
    /// JSON, as it is sent.
    pub asked: String,
    /// The relay's id of the one that it tries again.
    pub retry_of: Option<String>,
    /// JSON: what the relay said of it last.
    pub heard: Option<String>,
    /// Of how many of its events that tells.
    pub event_seq: u64,
    /// JSON: why the relay does not take it.
    pub problem: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

const COLUMNS: &str = "id, job, key, asked, retry_of, heard, event_seq, problem, created_at";

impl Store {
    /// Adds an analysis that the relay is to make; answers its number here.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] where too many wait, or a failure.
    pub fn add_analysis(&self, new: &NewAnalysis, now: i64) -> Result<u64, StoreError> {
        self.write(|db| {
            let waiting: i64 = db.query_row(
                "SELECT count(*) FROM analyses WHERE relay = ?1 AND job IS NULL",
                [&new.relay],
                |row| row.get(0),
            )?;
            if waiting >= WAITING_MAX {
                let message = format!("{WAITING_MAX} analyses wait for the relay already");
                return Err(StoreError::Blocked(message));
            }
            let NewAnalysis { relay, key, asked, retry_of } = new;
            db.execute(
                "INSERT INTO analyses (relay, key, asked, retry_of, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![relay, key, asked, retry_of, now],
            )?;
            u64::try_from(db.last_insert_rowid()).map_err(|e| StoreError::Sqlite(e.to_string()))
        })
    }

    /// The analyses of a relay: those that wait here, then the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn analyses(&self, relay: &str) -> Result<Vec<StoredAnalysis>, StoreError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM analyses WHERE relay = ?1 \
                 ORDER BY job IS NULL DESC, created_at DESC, id DESC LIMIT ?2"
            );
            let mut select = db.prepare_cached(&sql)?;
            let rows = select.query_map(params![relay, KEPT_MAX + WAITING_MAX], stored)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One analysis by its number here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find_analysis(&self, id: u64) -> Result<Option<StoredAnalysis>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM analyses WHERE id = ?1");
            Ok(db.prepare_cached(&sql)?.query_row([id], stored).optional()?)
        })
    }

    /// One analysis by the relay's id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find_analysis_of_job(
        &self,
        relay: &str,
        job: &str,
    ) -> Result<Option<StoredAnalysis>, StoreError> {
        self.read(|db| Ok(of_job(db, relay, job)?))
    }

    /// Keeps what the relay said of an analysis; `id` is its number here where it waited here until now.
    /// Answers it as it is stored, and whether that is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hear_analysis(
        &self,
        relay: &str,
        id: Option<u64>,
        heard: &HeardAnalysis,
    ) -> Result<(StoredAnalysis, bool), StoreError> {
        self.write_repeatable(|db| {
            let HeardAnalysis { job, asked, heard, event_seq, created_at } = heard;
            let before = of_job(db, relay, job)?;
            if let Some(id) = id {
                if let Some(before) = before.as_ref().filter(|before| before.id != id) {
                    // It was heard of by another way, before the answer to its submission came. The number that
                    // it has had here goes on naming it.
                    db.execute("DELETE FROM analyses WHERE id = ?1", [before.id])?;
                }
                let known = before.as_ref();
                db.execute(
                    "UPDATE analyses SET job = ?2, heard = ?3, event_seq = ?4 WHERE id = ?1",
                    params![
                        id,
                        job,
                        known.and_then(|known| known.heard.as_ref()),
                        known.map_or(0, |known| known.event_seq)
                    ],
                )?;
            }
            let known = before.as_ref().map_or(0, |before| before.event_seq);
            let differs = before.as_ref().and_then(|before| before.heard.as_ref()) != Some(heard);
            let is_new = differs && *event_seq >= known;
            if is_new {
                db.execute(
                    "INSERT INTO analyses (relay, job, asked, heard, event_seq, created_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (relay, job) WHERE job IS NOT NULL \
                     DO UPDATE SET heard = ?4, event_seq = ?5, created_at = ?6, problem = NULL",
                    params![relay, job, asked, heard, event_seq, created_at],
                )?;
                db.execute(
                    "DELETE FROM analyses WHERE relay = ?1 AND job IS NOT NULL AND created_at < \
                     (SELECT created_at FROM analyses WHERE relay = ?1 AND job IS NOT NULL \
                      ORDER BY created_at DESC LIMIT 1 OFFSET ?2)",
                    params![relay, KEPT_MAX - 1],
                )?;
            }
            let stored = of_job(db, relay, job)?;
            // One that is older than all that are kept is told of all the same.
            let stored = stored.unwrap_or_else(|| StoredAnalysis {
                id: id.unwrap_or_default(),
                job: Some(job.clone()),
                key: None,
                asked: asked.clone(),
                retry_of: None,
                heard: Some(heard.clone()),
                event_seq: *event_seq,
                problem: None,
                created_at: *created_at,
            });
            Ok((stored, is_new))
        })
    }

    /// Notes why the relay does not take an analysis, or that it is to be asked again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn refuse_analysis(&self, id: u64, problem: Option<&str>) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute("UPDATE analyses SET problem = ?2 WHERE id = ?1", params![id, problem])?;
            Ok(())
        })
    }

    /// Takes an analysis off the list; whether it was there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_analysis(&self, id: u64) -> Result<bool, StoreError> {
        self.write(|db| Ok(db.execute("DELETE FROM analyses WHERE id = ?1", [id])? > 0))
    }

    /// Keeps a result as the relay answered it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_analysis_result(
        &self,
        relay: &str,
        id: &str,
        answer: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.write_repeatable(|db| {
            db.execute(
                "INSERT OR REPLACE INTO analysis_results (relay, id, answer, kept_at) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![relay, id, answer, now],
            )?;
            db.execute(
                "DELETE FROM analysis_results WHERE relay = ?1 AND id NOT IN (SELECT id FROM \
                 analysis_results WHERE relay = ?1 ORDER BY kept_at DESC LIMIT ?2)",
                params![relay, RESULTS_MAX],
            )?;
            Ok(())
        })
    }

    /// A result that was kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find_analysis_result(
        &self,
        relay: &str,
        id: &str,
    ) -> Result<Option<String>, StoreError> {
        self.read(|db| {
            let sql = "SELECT answer FROM analysis_results WHERE relay = ?1 AND id = ?2";
            Ok(db.prepare_cached(sql)?.query_row([relay, id], |row| row.get(0)).optional()?)
        })
    }
}

/// Takes away what names erased profiles: results that list them, and analyses that were asked for with the id of one, or
/// with a filter that names one. Answers how many that were.
pub(crate) fn forget(
    db: &Transaction<'_>,
    erased: &Erasures,
    named: &[Named],
) -> Result<u64, StoreError> {
    let mut gone = 0;
    let results: Vec<(String, String)> = {
        let mut select = db.prepare_cached("SELECT relay, id FROM analysis_results")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    for (relay, id) in results {
        let answer: String = db
            .prepare_cached("SELECT answer FROM analysis_results WHERE relay = ?1 AND id = ?2")?
            .query_row([&relay, &id], |row| row.get(0))?;
        if names(&answer, &|text| erased.holds(text)) {
            let sql = "DELETE FROM analysis_results WHERE relay = ?1 AND id = ?2";
            gone += db.prepare_cached(sql)?.execute([&relay, &id])? as u64;
        }
    }
    let asked: Vec<(i64, String, Option<String>)> = {
        let mut select = db.prepare_cached("SELECT id, asked, heard FROM analyses")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    for (id, asked, heard) in asked {
        let is_one =
            |text: &str| erased.holds(text) || mentions::are_in_filter(text, erased, named);
        if names(&asked, &is_one) || heard.is_some_and(|heard| names(&heard, &is_one)) {
            gone += db.prepare_cached("DELETE FROM analyses WHERE id = ?1")?.execute([id])? as u64;
        }
    }
    Ok(gone)
}

/// Whether a text of JSON has such a text anywhere. One that cannot be read is taken for one that has.
fn names(json: &str, is_one: &impl Fn(&str) -> bool) -> bool {
    let names = |value: Value| has_text(&value, is_one);
    serde_json::from_str(json).map_or(true, names)
}

fn of_job(
    db: &rusqlite::Connection,
    relay: &str,
    job: &str,
) -> rusqlite::Result<Option<StoredAnalysis>> {
    let sql = format!("SELECT {COLUMNS} FROM analyses WHERE relay = ?1 AND job = ?2");
    db.prepare_cached(&sql)?.query_row([relay, job], stored).optional()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredAnalysis> {
    Ok(StoredAnalysis {
        id: row.get(0)?,
        job: row.get(1)?,
        key: row.get(2)?,
        asked: row.get(3)?,
        retry_of: row.get(4)?,
        heard: row.get(5)?,
        event_seq: row.get(6)?,
        problem: row.get(7)?,
        created_at: row.get(8)?,
    })
}
