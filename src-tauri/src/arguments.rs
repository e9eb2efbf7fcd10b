//! The command line: `kartei-desktop [--data DIR] [FILE…]`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How the program is called.
pub(crate) const USAGE: &str = "usage: kartei-desktop [--data DIR] [FILE…]

  --data DIR   the data folder (else $KARTEI_DATA_DIR, else the folder of this account)
  FILE…        files of NDJSON or gzipped NDJSON to import, as if dropped on the window";

/// What to open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The data folder, where one was named.
    pub data_dir: Option<PathBuf>,
    /// Files to import, absolute.
    pub files: Vec<String>,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The window.
    Open(Arguments),
    /// Only a text: the usage or the version.
    Say(String),
}

/// Reads the arguments after the program's name; `Err` says what is wrong with them.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Start, String> {
    let mut found = Arguments::default();
    let mut rest = arguments;
    let mut only_files = false;
    while let Some(argument) = rest.next() {
        match argument.to_str() {
            Some("--") if !only_files => only_files = true,
            Some("--help" | "-h") if !only_files => return Ok(Start::Say(USAGE.to_owned())),
            Some("--version" | "-V") if !only_files => {
                return Ok(Start::Say(format!("kartei-desktop {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--data") if !only_files => {
                let dir = rest.next().ok_or("--data needs a folder")?;
                found.data_dir = Some(PathBuf::from(dir));
            }
            Some(option) if !only_files && option.starts_with("--data=") => {
                found.data_dir = Some(PathBuf::from(&option["--data=".len()..]));
            }
            Some(option) if !only_files && option.starts_with('-') => {
                return Err(format!("there is no option `{option}`"));
            }
            _ => found.files.push(absolute(Path::new(&argument))),
        }
    }
    Ok(Start::Open(found))
}

/// The import runs on another thread and may outlive the working directory: it gets whole paths. A
/// path that is no Unicode stays recognisable and is reported as missing, not dropped silently.
fn absolute(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Start, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn files_and_data_folder_are_told_apart() {
        let Ok(Start::Open(found)) = parsed(&["/a.ndjson", "--data", "d", "/b.gz"]) else {
            panic!("these arguments open a window")
        };
        assert_eq!(found.data_dir, Some(PathBuf::from("d")));
        assert_eq!(found.files, ["/a.ndjson", "/b.gz"]);
    }

    #[test]
    fn a_relative_file_becomes_a_whole_path() {
        let Ok(Start::Open(found)) = parsed(&["--data=d", "--", "--odd.ndjson"]) else {
            panic!("these arguments open a window")
        };
        assert!(Path::new(&found.files[0]).is_absolute(), "{:?}", found.files);
        assert!(found.files[0].ends_with("--odd.ndjson"), "{:?}", found.files);
    }

    #[test]
    fn wrong_usage_is_named() {
        assert_eq!(parsed(&["--date"]), Err("there is no option `--date`".to_owned()));
        assert_eq!(parsed(&["--data"]), Err("--data needs a folder".to_owned()));
    }
}
