//! Files that the browser hands over: it has contents but no paths, the import wants paths.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Query, State};
use axum::response::Json;
use kartei_protocol::problem::{Problem, ProblemCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_stream::StreamExt;

use crate::routes::{Refusal, Shared};

/// Bytes of one file at most: the largest file of the tests and a way to notice a runaway page.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Characters of a file's name at most; file systems take 255 bytes.
const NAME_CHARS_MAX: usize = 60;

/// The folder of handed-over files; it goes with the program.
pub(crate) struct Drops {
    folder: TempDir,
    count: Mutex<u64>,
}

impl Drops {
    /// Makes the folder.
    pub(crate) fn new() -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kartei-drop-").tempdir()?;
        Ok(Self { folder, count: Mutex::new(0) })
    }

    /// A path of its own for each file, which still ends in the file's name: reports show it.
    fn next_path(&self, name: &str) -> std::io::Result<PathBuf> {
        let number = {
            let mut count = self.count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *count += 1;
            *count
        };
        let folder = self.folder.path().join(number.to_string());
        std::fs::create_dir(&folder)?;
        Ok(folder.join(plain_name(name)))
    }
}

/// The query of `POST /ipc-drop`.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    name: String,
}

/// `POST /ipc-drop?name=`: stores the body and answers `{"path"}`.
pub(crate) async fn store(
    State(shared): State<Shared>,
    Query(named): Query<Named>,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let path = shared.drops.next_path(&named.name).map_err(|e| not_stored(&e))?;
    let file = File::create_new(&path).map_err(|e| not_stored(&e))?;
    if let Err(problem) = write_all(file, body.into_data_stream()).await {
        // What cannot be deleted now goes with the folder.
        let _ = std::fs::remove_file(&path);
        return Err(problem.into());
    }
    Ok(Json(json!({ "path": path })))
}

async fn write_all(mut file: File, mut chunks: BodyDataStream) -> Result<(), Problem> {
    let mut bytes = 0_u64;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| {
            Problem::new(ProblemCode::InvalidRequest, format!("the file broke off: {e}"))
        })?;
        bytes += chunk.len() as u64;
        if bytes > FILE_BYTES_MAX {
            let reason = format!("the file is larger than {FILE_BYTES_MAX} bytes");
            return Err(Problem::new(ProblemCode::TooLarge, reason));
        }
        // Chunks are some 16 KB and land in the page cache: quicker than a hop to another thread.
        file.write_all(&chunk).map_err(|e| not_stored(&e))?;
    }
    Ok(())
}

fn not_stored(error: &std::io::Error) -> Problem {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull => ProblemCode::DiskFull,
        _ => ProblemCode::Internal,
    };
    Problem::new(code, format!("cannot keep the file: {error}"))
}

/// The last part of a name, with nothing that means something to a file system.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .map(|c| if c.is_alphanumeric() || "._- ".contains(c) { c } else { '_' })
        .skip_while(|c| *c == '.' || *c == ' ')
        .take(NAME_CHARS_MAX)
        .collect();
    if plain.is_empty() { "dropped".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_what_people_recognise_and_lose_what_file_systems_read() {
        for (given, kept) in [
            ("profiles.ndjson.gz", "profiles.ndjson.gz"),
            ("Käufer 2026.ndjson", "Käufer 2026.ndjson"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\x.ndjson", "x.ndjson"),
            ("..", "dropped"),
            ("", "dropped"),
            ("a\0b|c", "a_b_c"),
        ] {
            assert_eq!(plain_name(given), kept, "{given:?}");
        }
        assert_eq!(plain_name(&"x".repeat(500)).len(), NAME_CHARS_MAX);
    }

    #[test]
    fn the_same_name_twice_is_two_files() {
        let drops = Drops::new().unwrap();
        assert_ne!(drops.next_path("a").unwrap(), drops.next_path("a").unwrap());
    }
}
