//! Columns in memory: loaded when they are first asked for, and forgotten whole, the least recently
//! used first.

use std::collections::HashMap;

use crate::error::Error;
use crate::source::Source;

/// One column of all stored chunks.
#[derive(Debug, Default)]
struct Loaded {
    bodies: Vec<Option<Vec<u8>>>,
    bytes: usize,
    used_at: u64,
}

/// The columns that are in memory.
#[derive(Debug)]
pub(crate) struct Columns {
    memory_max: usize,
    bytes: usize,
    clock: u64,
    loaded: HashMap<String, Loaded>,
}

impl Columns {
    pub(crate) fn new(memory_max: usize) -> Self {
        Self { memory_max, bytes: 0, clock: 0, loaded: HashMap::new() }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Loads what is missing of these columns for the stored chunks, and makes room: the columns
    /// asked for stay, even where they alone are more than the budget.
    pub(crate) fn load<S: Source>(
        &mut self,
        names: &[String],
        stored: &[i64],
        source: &mut S,
    ) -> Result<(), Error<S::Error>> {
        if stored.is_empty() {
            // Nothing to load, and names that filters make up are not to be collected.
            return Ok(());
        }
        self.clock += 1;
        for name in names {
            let column = self.loaded.entry(name.clone()).or_default();
            column.used_at = self.clock;
            let missing = &stored[column.bodies.len()..];
            if missing.is_empty() {
                continue;
            }
            let mut bodies = source.columns(name, missing).map_err(Error::Source)?;
            bodies.resize(missing.len(), None);
            column.bodies.append(&mut bodies);
            column.bodies.iter_mut().flatten().for_each(Vec::shrink_to_fit);
            let bytes: usize = column.bodies.iter().flatten().map(Vec::len).sum();
            let overhead = column.bodies.len() * size_of::<Option<Vec<u8>>>();
            self.bytes = self.bytes + bytes + overhead - column.bytes;
            column.bytes = bytes + overhead;
        }
        self.make_room();
        Ok(())
    }

    fn make_room(&mut self) {
        while self.bytes > self.memory_max {
            let unused = self.loaded.iter().filter(|(_, column)| column.used_at < self.clock);
            let oldest =
                unused.min_by_key(|(_, column)| column.used_at).map(|(name, _)| name.clone());
            let Some(column) = oldest.and_then(|name| self.loaded.remove(&name)) else { return };
            self.bytes -= column.bytes;
        }
    }

    /// Forgets columns by their names.
    pub(crate) fn forget(&mut self, is_it: impl Fn(&str) -> bool) {
        let bytes = &mut self.bytes;
        self.loaded.retain(|name, column| {
            let stays = !is_it(name);
            *bytes -= if stays { 0 } else { column.bytes };
            stays
        });
    }

    /// The body of a column that was loaded, for the stored chunk at a place.
    pub(crate) fn body(&self, name: &str, at: usize) -> Option<&[u8]> {
        self.loaded.get(name)?.bodies.get(at)?.as_deref()
    }
}
