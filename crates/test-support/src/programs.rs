//! Where the built programs and the repository lie.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The path of a built program of this workspace, such as `kartei`.
///
/// Tests of one package are not told where another package's programs are; they lie in the folder
/// above the test's own (`<target>/debug/deps/…`).
///
/// # Errors
/// With what to run, where the program is not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("the test knows its own path")?;
    let profile = test.ancestors().nth(2).context("a test lies in <target>/<profile>/deps")?;
    let path = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!(
            "{} is not built. `cargo xtask test --only build` builds the programs that tests start",
            path.display()
        );
    }
    Ok(path)
}

/// A path inside the repository.
#[must_use]
pub fn repository(relative: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).join(relative)
}
