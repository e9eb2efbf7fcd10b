//! The sample data that comes with the program: 2,800 people who answered a questionnaire.
//!
//! It is imported like any file, so that a report, steps and undo are what they will be with one's
//! own data. Which import it was is known by the file's digest.

use std::sync::LazyLock;

use kartei_protocol::desktop::{ImportRun, ListProfiles, SampleData};
use kartei_protocol::problem::{Problem, ProblemCode};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::files;
use crate::problem::of_store;
use crate::queue::Request;

/// `psych::bfi`, anonymous and public; tests/fixtures/data/README.md says more.
const SAMPLE: &[u8] = include_bytes!("../../../tests/fixtures/data/bfi.ndjson.gz");

/// How it is called in the history of imports.
const NAME: &str = "bfi.ndjson.gz";

/// Lines of it, each a profile.
const PROFILES: u64 = 2_800;

/// Its profiles, by their ids.
const FILTER: &str = "id:bfi-*";

static DIGEST: LazyLock<[u8; 32]> = LazyLock::new(|| Sha256::digest(SAMPLE).into());

impl App {
    pub(crate) fn sample(&self) -> Result<SampleData, Problem> {
        let store = &self.shared.store;
        let import = store.import_of_file(&DIGEST).map_err(|e| of_store(&e))?;
        let here = match import {
            None => 0,
            Some(_) => {
                let list =
                    ListProfiles { filter: FILTER.to_owned(), limit: 1, ..ListProfiles::default() };
                store.list(&list).map_err(|e| of_store(&e))?.matching
            }
        };
        Ok(SampleData { offered: PROFILES, here, import, filter: FILTER.to_owned() })
    }

    pub(crate) fn bring_sample(&self) -> Result<ImportRun, Problem> {
        let folder = self.data_dir.join("sample");
        let path = folder.join(NAME);
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, SAMPLE))
            .map_err(|error| files::of_write(&path, &error))?;
        let path = path.to_str().map(str::to_owned).ok_or_else(|| {
            let message = "the data folder's path is no Unicode, so the sample cannot be named";
            Problem::new(ProblemCode::FileUnwritable, message)
        })?;
        self.imports.add(Request {
            paths: vec![path],
            by: self.session().author,
            ..Request::default()
        })
    }
}
