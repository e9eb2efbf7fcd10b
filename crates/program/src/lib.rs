//! What the programs have in common: the version that they show, and what a system is told of them.
//!
//! ```text
//! clap's commands ─┬─▶ manual pages, one for each command
//!                  └─▶ completions for bash, zsh and fish
//! ```
//! Both are made by the program itself of the commands that it has, so that neither can be behind.

use std::io;
use std::path::Path;
use std::{fs, iter};

use clap::{Args, Command, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// The release's number; in release builds with the commit and its day.
pub const VERSION: &str = env!("KARTEI_VERSION");

/// Commands that every program has.
#[derive(Debug, Clone, Subcommand)]
pub enum Common {
    /// Prints completions for a shell.
    Completions(Completions),
    /// Writes manual pages and completions below a folder, as a system has them below `/usr/share`.
    #[command(hide = true)]
    Manual {
        /// The folder.
        folder: std::path::PathBuf,
    },
}

/// For which shell.
#[derive(Debug, Clone, Copy, Args)]
pub struct Completions {
    /// bash, zsh, fish, elvish or powershell.
    shell: Shell,
}

impl Common {
    /// Does what was asked for of a program with these commands.
    ///
    /// # Errors
    /// Where something cannot be written.
    pub fn run(self, mut command: Command) -> io::Result<()> {
        match self {
            Self::Completions(Completions { shell }) => {
                let mut text = Vec::new();
                let name = command.get_name().to_owned();
                generate(shell, &mut command, name, &mut text);
                io::Write::write_all(&mut io::stdout(), &text)
            }
            Self::Manual { folder } => write_manual(command, &folder),
        }
    }
}

/// Where the shells of a system look for completions, below `/usr/share`.
const COMPLETIONS: [(Shell, &str, &str, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/", "", ""),
    (Shell::Zsh, "zsh/vendor-completions/", "_", ""),
    (Shell::Fish, "fish/vendor_completions.d/", "", ".fish"),
];

/// Writes manual pages to `man/man1` and completions to where shells look for them, below `folder`.
///
/// # Errors
/// Where something cannot be written.
pub fn write_manual(mut command: Command, folder: &Path) -> io::Result<()> {
    let name = command.get_name().to_owned();
    for (shell, place, before, after) in COMPLETIONS {
        let mut text = Vec::new();
        generate(shell, &mut command, &name, &mut text);
        let place = folder.join(place);
        fs::create_dir_all(&place)?;
        fs::write(place.join(format!("{before}{name}{after}")), text)?;
    }
    let pages = folder.join("man/man1");
    fs::create_dir_all(&pages)?;
    // Building gives each command below its whole name, `kartei-import`.
    command.build();
    for command in iter::once(&command).chain(below(&command)) {
        let mut page = Vec::new();
        let man = Man::new(command.clone());
        man.render(&mut page)?;
        fs::write(pages.join(man.get_filename()), page)?;
    }
    Ok(())
}

/// All commands below one that people are shown.
fn below(command: &Command) -> Vec<&Command> {
    let shown = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help");
    shown.flat_map(|command| iter::once(command).chain(below(command))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Command {
        let hidden = Command::new("inner").hide(true);
        let under = Command::new("org").about("Organisations").subcommand(Command::new("create"));
        Command::new("kartei-x")
            .version("1.2")
            .about("An example")
            .subcommand(under)
            .subcommand(hidden)
    }

    #[test]
    fn every_command_that_is_shown_has_a_page_and_every_shell_its_completions() {
        let folder = tempfile::tempdir().unwrap();
        write_manual(example(), folder.path()).unwrap();
        let mut pages: Vec<String> = fs::read_dir(folder.path().join("man/man1"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort();
        assert_eq!(pages, ["kartei-x-org-create.1", "kartei-x-org.1", "kartei-x.1"]);
        let page = fs::read_to_string(folder.path().join("man/man1/kartei-x-org.1")).unwrap();
        assert!(page.contains("Organisations"), "{page}");
        for file in [
            "bash-completion/completions/kartei-x",
            "zsh/vendor-completions/_kartei-x",
            "fish/vendor_completions.d/kartei-x.fish",
        ] {
            let text = fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(text.contains("create"), "{file}");
        }
    }

    #[test]
    fn the_version_begins_with_the_number() {
        assert!(VERSION.starts_with(env!("CARGO_PKG_VERSION")));
    }
}
