//! A schema with the calibration that scores of it are made by.

use kartei_profile::Record;

use crate::calibration::{Calibration, CalibrationMistake};
use crate::measure::Person;
use crate::schema::Schema;
use crate::score::{Scorer, Vector};

/// A schema and a calibration of it.
#[derive(Debug, Clone)]
pub struct Fitted {
    schema: Schema,
    calibration: Calibration,
    version: String,
}

impl Fitted {
    /// Of a schema and a calibration of it.
    ///
    /// # Errors
    /// [`CalibrationMistake::OtherSchema`].
    pub fn new(schema: Schema, calibration: Calibration) -> Result<Self, CalibrationMistake> {
        calibration.check_schema(&schema)?;
        let version = calibration.version();
        Ok(Self { schema, calibration, version })
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The calibration.
    #[must_use]
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The calibration's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names of the dimensions, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.schema.dimensions().iter().map(|dimension| dimension.name.as_str()).collect()
    }

    /// A dimension's name for people, in English and German; its name where it has none.
    #[must_use]
    pub fn titles(&self, dimension: usize) -> [&str; 2] {
        let dimension = &self.schema.dimensions()[dimension];
        match &dimension.title {
            Some(title) => [&title.en, &title.de],
            None => [&dimension.name, &dimension.name],
        }
    }

    /// What makes scores by it; each thread has one of its own.
    #[must_use]
    pub fn scores(&self) -> Scores<'_> {
        let scorer = Scorer::of_checked(&self.schema, &self.calibration);
        Scores { schema: &self.schema, scorer, person: Person::default() }
    }
}

/// What makes scores of people, with a buffer that is used again and again.
#[derive(Debug, Clone)]
pub struct Scores<'a> {
    schema: &'a Schema,
    scorer: Scorer<'a>,
    person: Person,
}

impl<'a> Scores<'a> {
    /// Where a person stands, at the moment of the calibration.
    pub fn vector(&mut self, record: &Record) -> Vector {
        self.vector_at(record, self.scorer.as_of_ms())
    }

    /// Where a person stood at another moment, by the same fit.
    pub fn vector_at(&mut self, record: &Record, as_of_ms: i64) -> Vector {
        self.person.measure(self.schema, record, as_of_ms);
        self.scorer.vector(&self.person)
    }

    /// The scores alone, 0 to 1, by dimension in the order of the schema's; nothing where none of its signals says
    /// anything.
    pub fn scores(&mut self, record: &Record) -> Vec<Option<f64>> {
        self.person.measure(self.schema, record, self.scorer.as_of_ms());
        self.scorer.scores(&self.person)
    }

    /// The score of each dimension that a person has one of, 0 to 1, by name.
    pub fn named(&mut self, record: &Record) -> Vec<(&'a str, f64)> {
        let named = self.schema.dimensions().iter().zip(self.scores(record));
        named.filter_map(|(named, score)| Some((named.name.as_str(), score?))).collect()
    }
}
