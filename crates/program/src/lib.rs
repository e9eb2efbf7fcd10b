//! What a program says of itself: its version, its manual pages, completions for shells.
//!
//! Manual and completions are made from the command line's own definition, by the hidden command that
//! [`Papers`] is, so they cannot say anything else than `--help` does.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

/// The version with the commit it was made of and the commit's day, such as
/// `0.1.0 (0123456789ab, 2026-01-02)`. Builds for tests say that they are such.
pub const VERSION: &str = env!("KARTEI_VERSION");

/// Writes manual pages and completions for shells into a folder, as packages place them below `/usr/share`.
#[derive(Debug, Args)]
pub struct Papers {
    /// The folder; what it lacks is made.
    folder: PathBuf,
}

impl Papers {
    /// Writes `man/man1/NAME.1`, a page for each command below it, and
    /// `bash-completion/completions/NAME`, `zsh/vendor-completions/_NAME`,
    /// `fish/vendor_completions.d/NAME.fish`.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write(&self, command: Command) -> io::Result<()> {
        // Pages name the version that people compare, without the commit.
        let mut command = command.version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
        let name = command.get_name().to_owned();
        for (shell, path) in [
            (Shell::Bash, format!("bash-completion/completions/{name}")),
            (Shell::Zsh, format!("zsh/vendor-completions/_{name}")),
            (Shell::Fish, format!("fish/vendor_completions.d/{name}.fish")),
        ] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, &name, &mut text);
            put(&self.folder.join(path), &text)?;
        }
        let pages = self.folder.join("man/man1");
        std::fs::create_dir_all(&pages)?;
        clap_mangen::generate_to(command, pages)
    }
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::{Papers, VERSION};

    #[test]
    fn a_page_for_each_command_and_a_completion_for_each_shell() {
        let folder = tempfile::tempdir().unwrap();
        let command = Command::new("sample")
            .subcommand(Command::new("look").about("Looks round").arg(Arg::new("far").long("far")))
            .subcommand(Command::new("papers").hide(true));
        Papers { folder: folder.path().to_owned() }.write(command).unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
        assert!(read("man/man1/sample.1").contains("Looks round"));
        assert!(read("man/man1/sample-look.1").contains("far"));
        assert!(!folder.path().join("man/man1/sample-papers.1").exists(), "it is hidden");
        for path in [
            "bash-completion/completions/sample",
            "zsh/vendor-completions/_sample",
            "fish/vendor_completions.d/sample.fish",
        ] {
            assert!(read(path).contains("far"), "{path}");
        }
    }

    #[test]
    fn the_version_is_that_of_the_workspace() {
        assert!(VERSION.starts_with(concat!(env!("CARGO_PKG_VERSION"), " (")), "{VERSION}");
    }
}
