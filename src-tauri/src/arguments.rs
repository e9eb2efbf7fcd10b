//! The command line: `kartei-desktop [--data DIR] [FILE | LINK…]`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kartei_app::Handover;
use tauri::Url;

/// How the program is called.
pub(crate) const USAGE: &str = "usage: kartei-desktop [--data DIR] [FILE | LINK…]

  --data DIR   the data folder (else $KARTEI_DATA_DIR, else the folder of this account)
  FILE…        files of NDJSON or gzipped NDJSON to import, as if dropped on the window
  LINK         kartei://profile/ID opens a profile

A window that has this data folder open already opens them.";

/// What to open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The data folder, where one was named.
    pub data_dir: Option<PathBuf>,
    /// Files to import, absolute, and the last link.
    pub opens: Handover,
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
            Some(text) if !only_files && is_address(text) => open(&mut found.opens, text),
            _ => found.opens.files.push(absolute(Path::new(&argument))),
        }
    }
    Ok(Start::Open(found))
}

/// Takes addresses as the system hands them over: files, and links of our scheme, which are judged
/// by the host.
pub(crate) fn open(opens: &mut Handover, address: &str) {
    let file = Url::parse(address).ok().filter(|url| url.scheme() == "file");
    match file.and_then(|url| url.to_file_path().ok()) {
        Some(path) => opens.files.push(absolute(&path)),
        None => opens.link = Some(address.to_owned()),
    }
}

fn is_address(text: &str) -> bool {
    let begins = |scheme: &str| {
        text.split_at_checked(scheme.len())
            .is_some_and(|(start, _)| start.eq_ignore_ascii_case(scheme))
    };
    begins("kartei:") || begins("file:")
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

    fn opened(arguments: &[&str]) -> Arguments {
        match parsed(arguments) {
            Ok(Start::Open(found)) => found,
            other => panic!("these arguments open a window, not {other:?}"),
        }
    }

    #[test]
    fn files_and_data_folder_are_told_apart() {
        let found = opened(&["/a.ndjson", "--data", "d", "/b.gz"]);
        assert_eq!(found.data_dir, Some(PathBuf::from("d")));
        assert_eq!(found.opens.files, ["/a.ndjson", "/b.gz"]);
    }

    #[test]
    fn a_relative_file_becomes_a_whole_path() {
        let Handover { files, .. } = opened(&["--data=d", "--", "--odd.ndjson"]).opens;
        assert!(Path::new(&files[0]).is_absolute(), "{files:?}");
        assert!(files[0].ends_with("--odd.ndjson"), "{files:?}");
    }

    #[test]
    fn wrong_usage_is_named() {
        assert_eq!(parsed(&["--date"]), Err("there is no option `--date`".to_owned()));
        assert_eq!(parsed(&["--data"]), Err("--data needs a folder".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn addresses_are_files_or_links() {
        let found = opened(&["file:///a%20b.ndjson", "KARTEI://profile/a", "/c.ndjson"]).opens;
        assert_eq!(found.files, ["/a b.ndjson", "/c.ndjson"]);
        assert_eq!(found.link.as_deref(), Some("KARTEI://profile/a"));
        let found = opened(&["--", "kartei:odd name"]).opens;
        assert!(found.link.is_none(), "after -- everything is a file");
    }
}
