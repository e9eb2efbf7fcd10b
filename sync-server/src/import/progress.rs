//! How far an import is, exactly: kept in the transaction of the records that it counts.

use kartei_relay_store::ImportLanded;
use serde::{Deserialize, Serialize};

/// What became of the records of an import until now. Lines without a record are not in it: who
/// takes an import up reads the body from its beginning and meets them again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Every record up to this line is settled.
    through: u64,
    /// Behind it these are.
    #[serde(default)]
    ahead: Vec<u64>,
    /// Of the settled ones these were refused, because the profile is there or was erased: first and last lines.
    #[serde(default)]
    refused: Vec<(u64, u64)>,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Fields that came into conflict.
    pub(super) conflicts: u64,
    /// What was read when this was kept; to be told, and not to go on from.
    pub(super) lines: u64,
    pub(super) blank: u64,
    pub(super) rejected: u64,
}

/// What an earlier run did with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Open,
    Applied,
    Refused,
}

impl Progress {
    /// As it was kept; from the beginning where nothing was.
    pub(super) fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(super) fn of(&self, line: u64) -> Known {
        if line > self.through && !self.ahead.contains(&line) {
            return Known::Open;
        }
        let after = self.refused.partition_point(|(first, _)| *first <= line);
        match after.checked_sub(1).map(|at| self.refused[at]) {
            Some((_, last)) if line <= last => Known::Refused,
            _ => Known::Applied,
        }
    }

    /// The next records in the order of their lines, with what became of those that are settled.
    pub(super) fn settle(&mut self, records: impl Iterator<Item = (u64, Option<ImportLanded>)>) {
        let (mut last, mut is_whole, mut done) = (self.through, true, Vec::new());
        for (line, landed) in records {
            last = line;
            let Some(landed) = landed else {
                is_whole = false;
                continue;
            };
            done.push(line);
            match landed {
                ImportLanded::Created => self.created += 1,
                ImportLanded::Unchanged => self.unchanged += 1,
                ImportLanded::Updated(conflicts) => {
                    self.updated += 1;
                    self.conflicts += conflicts;
                }
                ImportLanded::Exists | ImportLanded::Erased => {
                    self.rejected += 1;
                    self.refuse(line);
                }
            }
        }
        if is_whole {
            self.through = last;
            self.ahead.retain(|line| *line > last);
        } else {
            self.ahead.append(&mut done);
        }
    }

    fn refuse(&mut self, line: u64) {
        match self.refused.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            // After a resumption lines of the batch that was broken off come in between.
            Some((first, _)) if *first > line => {
                let at = self.refused.partition_point(|(first, _)| *first <= line);
                self.refused.insert(at, (line, line));
            }
            _ => self.refused.push((line, line)),
        }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_known_again_and_counted_once() {
        use ImportLanded::{Created, Exists, Unchanged, Updated};
        let mut progress = Progress::default();
        progress.settle([(1, Some(Created)), (3, Some(Exists)), (4, Some(Exists))].into_iter());
        // The first commit of the next batch leaves two lines open.
        progress
            .settle([(6, Some(Updated(2))), (7, None), (8, Some(Exists)), (9, None)].into_iter());
        let mut resumed = Progress::read(Some(&progress.text()));
        assert_eq!(resumed, progress);
        let known =
            |progress: &Progress| (1..=10).map(|line| progress.of(line)).collect::<Vec<_>>();
        use Known::{Applied as A, Open as O, Refused as R};
        assert_eq!(known(&resumed), [A, A, R, R, O, A, O, R, O, O][..], "no record was at line 5");
        resumed.settle([(7, Some(Exists)), (9, Some(Unchanged))].into_iter());
        assert_eq!(known(&resumed), [A, A, R, R, A, A, R, R, A, O][..]);
        assert_eq!((resumed.created, resumed.updated, resumed.unchanged), (1, 1, 1));
        assert_eq!((resumed.conflicts, resumed.rejected), (2, 4));
        assert_eq!(Progress::read(None), Progress::default());
    }
}
