//! CSV: one row a profile, or one row an observation (RFC 4180).

use std::collections::BTreeMap;
use std::io::Write;

use crate::Options;
use crate::cells::Line;
use crate::columns::Columns;
use crate::error::Error;
use crate::row::{AttributeValue, Members, Observation, Row, Text, read};
use crate::source::{Feed, Source};
use crate::summary::Observed;

/// The columns that every CSV of profiles has. The attributes stand between `updated_at` and
/// `observations.count`, the signals at the end.
pub(crate) const FIXED_COLUMNS: [&str; 15] = [
    "id",
    "display_name",
    "tags",
    "notes",
    "consent.analytics",
    "consent.recorded_at",
    "consent.source",
    "created_at",
    "updated_at",
    "observations.count",
    "observations.first_at",
    "observations.last_at",
    "attachments.count",
    "attachments.names",
    "attachments.size_bytes",
];

/// Place of `observations.count` in [`FIXED_COLUMNS`].
const AFTER_ATTRIBUTES: usize = 9;

/// What is said of each signal, as `observed.<signal>.<this>`.
pub(crate) const SIGNAL_COLUMNS: [&str; 6] = ["count", "n", "mean", "min", "max", "last"];

/// The columns of the CSV of observations.
pub(crate) const OBSERVATION_COLUMNS: [&str; 7] =
    ["profile_id", "observation_id", "signal", "value", "n", "at", "source"];

/// Writes the header and one row a profile.
pub(crate) fn write_profiles<S: Source>(
    feed: &mut Feed<'_, S>,
    columns: &Columns,
    options: &Options,
    out: &mut impl Write,
) -> Result<(), Error<S::Error>> {
    let failed = |profiles, source| Error::Write { profiles, source };
    let mut line = Line::new(options);
    write_header(columns, &mut line);
    line.write_to(out).map_err(|e| failed(0, e))?;
    feed.each(|position, record| {
        let row: Row<'_> = read(position, record)?;
        write_profile(&row, columns, &mut line).ok_or(Error::Changed { position })?;
        line.write_to(out).map_err(|e| failed(position - 1, e))
    })
}

fn write_header(columns: &Columns, line: &mut Line) {
    let (before, after) = FIXED_COLUMNS.split_at(AFTER_ATTRIBUTES);
    before.iter().for_each(|name| line.text(name));
    for key in columns.attributes.keys() {
        line.text(&format!("attributes.{key}"));
    }
    after.iter().for_each(|name| line.text(name));
    for signal in &columns.signals {
        for what in SIGNAL_COLUMNS {
            line.text(&format!("observed.{signal}.{what}"));
        }
    }
}

/// `None` where the row has an attribute or signal that the first pass has not seen.
fn write_profile(row: &Row<'_>, columns: &Columns, line: &mut Line) -> Option<()> {
    line.text(&row.id.0);
    line.optional(row.display_name.as_ref());
    line.list(row.tags.iter().map(|tag| &*tag.0));
    line.optional(row.notes.as_ref());
    match &row.consent {
        Some(consent) => {
            line.plain(if consent.analytics { "true" } else { "false" });
            line.plain(&consent.recorded_at.0);
            line.optional(consent.source.as_ref());
        }
        None => line.missing(3),
    }
    line.instant(row.created_at.as_ref());
    line.instant(row.updated_at.as_ref());
    write_attributes(&row.attributes, columns, line)?;

    line.integer(row.observations.len() as u64);
    line.instant(row.observations.first().map(|o| &o.at));
    line.instant(row.observations.last().map(|o| &o.at));
    line.integer(row.attachments.len() as u64);
    line.list(row.attachments.iter().map(|file| &*file.name.0));
    line.integer(row.attachments.iter().map(|file| file.size.unsigned_abs()).sum());
    write_signals(&row.observations, columns, line)
}

fn write_attributes(
    attributes: &Members<'_, AttributeValue<'_>>,
    columns: &Columns,
    line: &mut Line,
) -> Option<()> {
    let mut rest = attributes.0.iter().peekable();
    for key in columns.attributes.keys() {
        match rest.next_if(|(name, _)| name.0 == **key) {
            None => line.missing(1),
            Some((_, value)) => line.scalar(value),
        }
    }
    rest.next().is_none().then_some(())
}

fn write_signals(
    observations: &[Observation<'_>],
    columns: &Columns,
    line: &mut Line,
) -> Option<()> {
    let mut by_signal: BTreeMap<&Text<'_>, Observed<'_>> = BTreeMap::new();
    for observation in observations {
        by_signal
            .entry(&observation.signal)
            .and_modify(|observed| observed.add(observation))
            .or_insert_with(|| Observed::first(observation));
    }
    let mut rest = by_signal.iter().peekable();
    for signal in &columns.signals {
        match rest.next_if(|(name, _)| name.0 == **signal) {
            None => {
                line.plain("0");
                line.plain("0");
                line.missing(SIGNAL_COLUMNS.len() - 2);
            }
            Some((_, observed)) => {
                line.integer(observed.count);
                line.plain(&observed.n.to_string());
                line.plain(&observed.mean());
                line.plain(observed.min.text);
                line.plain(observed.max.text);
                line.plain(observed.last.text);
            }
        }
    }
    rest.next().is_none().then_some(())
}

/// Writes the header and one row an observation; answers how many.
pub(crate) fn write_observations<S: Source>(
    feed: &mut Feed<'_, S>,
    options: &Options,
    out: &mut impl Write,
) -> Result<u64, Error<S::Error>> {
    let failed = |profiles, source| Error::Write { profiles, source };
    let mut rows = 0;
    let mut line = Line::new(options);
    OBSERVATION_COLUMNS.iter().for_each(|name| line.text(name));
    line.write_to(out).map_err(|e| failed(0, e))?;
    feed.each(|position, record| {
        let row: Row<'_> = read(position, record)?;
        for observation in &row.observations {
            line.text(&row.id.0);
            line.text(&observation.id.0);
            line.text(&observation.signal.0);
            line.plain(observation.value.text);
            line.integer(observation.n.unsigned_abs());
            line.plain(&observation.at.0);
            line.optional(observation.source.as_ref());
            line.write_to(out).map_err(|e| failed(position - 1, e))?;
        }
        rows += row.observations.len() as u64;
        Ok(())
    })?;
    Ok(rows)
}
