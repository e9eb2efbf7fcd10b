//! What a plan would take away, and how it is known again.

use super::policy::Kind;

/// Jobs that a plan chooses of a kind at most. The oldest come first, and the next plan has the rest.
pub(crate) const CHOSEN_MAX: usize = 50_000;

/// Ids that a plan shows of a kind.
const SAMPLES: usize = 10;

/// A job that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) pk: i64,
    pub(crate) id: String,
    pub(crate) finished_at: i64,
    pub(crate) bytes: u64,
}

/// What is due at a moment: results alone, and whole jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) as_of: i64,
    pub(crate) results: Vec<Chosen>,
    pub(crate) jobs: Vec<Chosen>,
}

impl Choice {
    pub(crate) fn of(&self, kind: Kind) -> &[Chosen] {
        match kind {
            Kind::Results => &self.results,
            Kind::Jobs => &self.jobs,
        }
    }

    /// BLAKE3 over the moment and exactly the chosen ids, in their order, each with its length.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text("kartei retention");
        text(&self.as_of.to_string());
        for kind in Kind::ALL {
            text(kind.word());
            text(&self.of(kind).len().to_string());
            self.of(kind).iter().for_each(|one| text(&one.id));
        }
        *hasher.finalize().as_bytes()
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan { as_of: self.as_of, hash: self.hash(), kinds: Kind::ALL.map(|kind| self.share(kind)) }
    }

    fn share(&self, kind: Kind) -> PlanShare {
        let chosen = self.of(kind);
        PlanShare {
            kind,
            count: chosen.len() as u64,
            bytes: bytes_of(chosen),
            oldest: chosen.first().map(|one| one.finished_at),
            samples: chosen.iter().take(SAMPLES).map(|one| one.id.clone()).collect(),
            is_all: chosen.len() < CHOSEN_MAX,
        }
    }
}

pub(crate) fn bytes_of(chosen: &[Chosen]) -> u64 {
    chosen.iter().map(|one| one.bytes).sum()
}

/// What would be taken away. Nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is due at this moment, in milliseconds since 1970.
    pub as_of: i64,
    /// Stands for exactly what was chosen.
    pub hash: [u8; 32],
    /// Of each kind.
    pub kinds: [PlanShare; 2],
}

/// What would be taken away of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanShare {
    /// The kind.
    pub kind: Kind,
    /// How many jobs.
    pub count: u64,
    /// How many bytes they take up, without what a database needs beside them.
    pub bytes: u64,
    /// When the oldest ended, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Some of their ids, the oldest first.
    pub samples: Vec<String>,
    /// Whether these are all; the next plan has the rest.
    pub is_all: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(as_of: i64, results: &[&str], jobs: &[&str]) -> Choice {
        let chosen = |ids: &[&str]| -> Vec<Chosen> {
            let each = |id: &&str| Chosen { pk: 1, id: (*id).to_owned(), finished_at: 5, bytes: 3 };
            ids.iter().map(each).collect()
        };
        Choice { as_of, results: chosen(results), jobs: chosen(jobs) }
    }

    #[test]
    fn a_hash_stands_for_one_choice() {
        let choices = [
            choice(1, &[], &[]),
            choice(2, &[], &[]),
            choice(1, &["a"], &[]),
            choice(1, &[], &["a"]),
            choice(1, &["a", "b"], &[]),
            choice(1, &["b", "a"], &[]),
            choice(1, &["ab"], &[]),
            choice(1, &["a"], &["b"]),
        ];
        let hashes: std::collections::HashSet<[u8; 32]> =
            choices.iter().map(Choice::hash).collect();
        assert_eq!(hashes.len(), choices.len());
        assert_eq!(choice(1, &["a"], &["b"]).hash(), choices[7].hash());
    }

    #[test]
    fn a_plan_counts_what_it_chose() {
        let ids: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let [results, jobs] = choice(1, &ids, &[]).plan().kinds;
        assert_eq!((results.count, results.bytes, results.oldest), (12, 36, Some(5)));
        assert_eq!((results.samples.len(), results.is_all), (10, true));
        assert_eq!((jobs.count, jobs.bytes, jobs.oldest), (0, 0, None));
    }
}
