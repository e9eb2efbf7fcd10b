//! Files that are written for a person: where to, and under which name.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use kartei_protocol::problem::{Problem, ProblemCode};

/// The person's folder for downloads; their home where there is none.
fn downloads() -> PathBuf {
    let variable =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(chosen) = variable("XDG_DOWNLOAD_DIR") {
        return chosen;
    }
    let home = variable("HOME").or_else(|| variable("USERPROFILE")).unwrap_or_default();
    let downloads = home.join("Downloads");
    if downloads.is_dir() { downloads } else { home }
}

/// Where a file goes that a person asked for: to where they chose, or under this name, or one like it that is free,
/// to their downloads.
///
/// # Errors
/// [`ProblemCode::FileUnwritable`] where there is a file already.
pub(crate) fn place(chosen: Option<&str>, name: &str) -> Result<PathBuf, Problem> {
    let path = chosen.map_or_else(|| free_name(&downloads(), name), PathBuf::from);
    must_not_exist(&path)?;
    Ok(path)
}

/// `name` in `folder`, with a number before its ending where there is such a file: `a (2).csv`.
pub(crate) fn free_name(folder: &Path, name: &str) -> PathBuf {
    // Of `a.ndjson.gz` the ending is both parts.
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    let numbered = |number: u32| match (number, ending) {
        (1, _) => name.to_owned(),
        (_, "") => format!("{stem} ({number})"),
        _ => format!("{stem} ({number}).{ending}"),
    };
    let mut paths = (1..=u32::MAX).map(|number| folder.join(numbered(number)));
    paths.find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}

pub(crate) fn must_not_exist(path: &Path) -> Result<(), Problem> {
    if path.exists() {
        return Err(unwritable(path, "there is a file of this name; choose another one"));
    }
    Ok(())
}

pub(crate) fn unwritable(path: &Path, why: &str) -> Problem {
    let shown = path.display().to_string();
    let message = format!("{shown} cannot be written: {why}");
    Problem::new(ProblemCode::FileUnwritable, message).about(shown)
}

/// A failure to write, as a person can act on it.
pub(crate) fn of_write(path: &Path, error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::StorageFull {
        let message =
            format!("there is no room left for {}; free some space and try again", path.display());
        return Problem::new(ProblemCode::DiskFull, message).about(path.display().to_string());
    }
    unwritable(path, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_a_number_before_its_ending() {
        let folder = tempfile::tempdir().unwrap();
        let free = |name: &str| {
            let path = free_name(folder.path(), name);
            std::fs::write(&path, "").unwrap();
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        assert_eq!(free("a.ndjson.gz"), "a.ndjson.gz");
        assert_eq!(free("a.ndjson.gz"), "a (2).ndjson.gz");
        assert_eq!(free("a.ndjson.gz"), "a (3).ndjson.gz");
        assert_eq!((free("b"), free("b")), ("b".to_owned(), "b (2)".to_owned()));
    }
}
