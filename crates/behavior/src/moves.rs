//! Whom another calibration would move, and by how much.

use serde::{Deserialize, Serialize};

use crate::calibration::CalibrationMistake;
use crate::measure::Person;
use crate::score::{Scorer, Vector, band};

/// People that are told by name, those that move farthest.
const TOLD: usize = 10;

/// Where one person moves in a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// The profile's id.
    pub id: String,
    /// The percentile now, and by the other calibration.
    pub from: f64,
    /// See `from`.
    pub to: f64,
}

/// What moves in a dimension.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DimensionMoves {
    /// People with a percentile by both.
    pub people: u64,
    /// Those that belong to another band then.
    pub change_band: u64,
    /// Those that have a score by one of both alone.
    pub gain: u64,
    /// See `gain`.
    pub lose: u64,
    /// The farthest, the farthest first.
    pub farthest: Vec<Move>,
}

/// What moves in a population.
#[derive(Debug, Clone)]
pub struct Moves<'a> {
    from: Scorer<'a>,
    to: Scorer<'a>,
    profiles: u64,
    change_band: u64,
    dimensions: Vec<DimensionMoves>,
}

/// What moves, all told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Profiles that have a score by one of both.
    pub profiles: u64,
    /// Those that change band in a dimension or more.
    pub change_band: u64,
    /// By dimension.
    pub dimensions: Vec<DimensionMoves>,
}

/// How many people another calibration moves in a dimension: what the gate looks at, without anybody's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandChanges {
    /// People with a percentile by both.
    pub people: u64,
    /// Those that belong to another band then.
    pub change_band: u64,
}

impl Moved {
    /// By dimension.
    #[must_use]
    pub fn band_changes(&self) -> Vec<BandChanges> {
        let of = |moves: &DimensionMoves| BandChanges {
            people: moves.people,
            change_band: moves.change_band,
        };
        self.dimensions.iter().map(of).collect()
    }
}

impl<'a> Moves<'a> {
    /// Nobody yet. Both calibrations are of one schema.
    ///
    /// # Errors
    /// [`CalibrationMistake::OtherSchema`].
    pub fn new(from: Scorer<'a>, to: Scorer<'a>) -> Result<Self, CalibrationMistake> {
        to.check_same(&from)?;
        let dimensions = vec![DimensionMoves::default(); from.dimensions()];
        Ok(Self { from, to, profiles: 0, change_band: 0, dimensions })
    }

    /// Takes a person in, measured at the moment of each calibration.
    pub fn absorb(&mut self, id: &str, at_from: &Person, at_to: &Person) {
        let (from, to) = (self.from.vector(at_from), self.to.vector(at_to));
        let percentile = |vector: &Vector, dimension: usize| {
            vector.dimensions[dimension].as_ref().and_then(|score| score.percentile)
        };
        let (mut changes, mut has_any) = (false, false);
        for (dimension, moves) in self.dimensions.iter_mut().enumerate() {
            has_any |= percentile(&from, dimension).is_some();
            has_any |= percentile(&to, dimension).is_some();
            match (percentile(&from, dimension), percentile(&to, dimension)) {
                (Some(from), Some(to)) => {
                    moves.people += 1;
                    if band(from) != band(to) {
                        moves.change_band += 1;
                        changes = true;
                    }
                    if from.to_bits() != to.to_bits() {
                        moves.tell(Move { id: id.to_owned(), from, to });
                    }
                }
                (None, Some(_)) => moves.gain += 1,
                (Some(_), None) => moves.lose += 1,
                (None, None) => {}
            }
        }
        self.profiles += u64::from(has_any);
        self.change_band += u64::from(changes);
    }

    /// Takes in another part of the population.
    pub fn merge(&mut self, other: Self) {
        self.profiles += other.profiles;
        self.change_band += other.change_band;
        for (ours, theirs) in self.dimensions.iter_mut().zip(other.dimensions) {
            ours.people += theirs.people;
            ours.change_band += theirs.change_band;
            ours.gain += theirs.gain;
            ours.lose += theirs.lose;
            theirs.farthest.into_iter().for_each(|one| ours.tell(one));
        }
    }

    /// All that was seen.
    #[must_use]
    pub fn finish(self) -> Moved {
        Moved {
            profiles: self.profiles,
            change_band: self.change_band,
            dimensions: self.dimensions,
        }
    }
}

impl Move {
    fn far(&self) -> f64 {
        (self.to - self.from).abs()
    }
}

impl DimensionMoves {
    /// Keeps it where it is among the farthest; of equal ones the smaller id comes first.
    fn tell(&mut self, one: Move) {
        let comes_before =
            |known: &Move| known.far().total_cmp(&one.far()).reverse().then(known.id.cmp(&one.id));
        let at = self.farthest.partition_point(|known| comes_before(known).is_lt());
        if at < TOLD {
            self.farthest.insert(at, one);
            self.farthest.truncate(TOLD);
        }
    }
}
