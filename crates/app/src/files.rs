//! Files that are written for a person: where to, and under which name.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kartei_protocol::desktop::{SaveMade, SavedFile};
use kartei_protocol::problem::{Problem, ProblemCode};

/// Endings of files that a window makes.
const MADE: [&str; 4] = ["svg", "png", "html", "csv"];

/// Bytes of such a name at most.
const NAME_BYTES_MAX: usize = 200;

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

/// Writes a file that a person asked for, whole or not at all, where [`place`] says.
///
/// # Errors
/// [`ProblemCode::FileUnwritable`], [`ProblemCode::DiskFull`].
pub(crate) fn save(chosen: Option<&str>, name: &str, bytes: &[u8]) -> Result<SavedFile, Problem> {
    let to = place(chosen, name)?;
    let written = std::fs::File::create_new(&to)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|e| of_write(&to, &e))?;
    Ok(SavedFile { path: to.display().to_string(), bytes: bytes.len() as u64 })
}

/// Saves what a window made. Its name is data: it leads nowhere else.
///
/// # Errors
/// [`ProblemCode::InvalidRequest`] of a name or bytes that are none, and those of [`save`].
pub(crate) fn save_made(request: &SaveMade) -> Result<SavedFile, Problem> {
    let wrong = |why: &str| Problem::new(ProblemCode::InvalidRequest, why).about("name");
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.' | '(' | ')');
    let ending = request.name.rsplit_once('.').map(|(_, ending)| ending);
    if request.name.len() > NAME_BYTES_MAX
        || request.name.starts_with('.')
        || !request.name.chars().all(is_plain)
        || !ending.is_some_and(|ending| MADE.contains(&ending))
    {
        return Err(wrong(
            "the name of a file that is saved is plain, and ends in .svg, .png, .html or .csv",
        ));
    }
    let bytes = BASE64.decode(&request.bytes).map_err(|_| wrong("the bytes are no base64"))?;
    save(None, &request.name, &bytes)
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
    fn the_name_of_a_file_leads_nowhere_else() {
        for name in
            ["../a.svg", "a/b.svg", "a\\b.svg", ".a.svg", "a.exe", "a", "", "a\n.svg", "C:a.svg"]
        {
            let asked = SaveMade { name: name.to_owned(), bytes: String::new() };
            let problem = save_made(&asked).unwrap_err();
            assert_eq!(problem.code, ProblemCode::InvalidRequest, "{name}");
        }
        let asked = SaveMade { name: "a.svg".to_owned(), bytes: "%".to_owned() };
        assert_eq!(save_made(&asked).unwrap_err().message, "the bytes are no base64");
    }

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
