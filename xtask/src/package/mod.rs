//! `cargo xtask package`: the desktop and the relay as Debian packages; and their installation for tests.
//!
//! ```text
//! programs (built) ─▶ tree: usr/bin, usr/share ─▶ dpkg-shlibdeps: Depends ─▶ dpkg-deb ─▶ kartei.deb
//! ```
//! Packages are made by Debian's own tools from `ops/debian`; [`kind`] says what is in them. What the
//! programs need is read from the programs, manual pages and completions are written by them, and
//! licences of others come from the sources ([`notices`]): nothing of it is kept by hand.

mod kind;
mod notices;
mod units;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
pub(crate) use kind::{DESKTOP, Kind, RELAY};
pub(crate) use notices::run as write_notices;
pub(crate) use units::check as check_units;

use crate::workspace::Workspace;
use crate::{exec, setup, ui};

/// Builds the release programs and packs them. Answers nothing; says where the packages are.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Demo)?;
    ui::build_if_stale(workspace)?;
    let mut cargo = workspace.cargo(&["build", "--quiet", "--release", "--locked"]);
    for kind in [DESKTOP, RELAY] {
        cargo.args(kind.crates.iter().map(|name| format!("--package={name}")));
    }
    for (name, value) in no_machine_paths(workspace)? {
        cargo.env(name, value);
    }
    exec::show(&mut cargo)?;
    for kind in [DESKTOP, RELAY] {
        let package = pack(workspace, &kind, "release", "xz")?;
        let bytes = fs::metadata(&package)?.len();
        println!("{} ({} MB)", package.display(), bytes / 1_000_000);
    }
    Ok(())
}

/// What compilers are told so that no folder of this machine is in a program: the sources of crates are
/// below `/crates`, these below `/kartei`.
fn no_machine_paths(workspace: &Workspace) -> Result<[(&'static str, String); 2]> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let cargo = home.or(user).context("neither CARGO_HOME nor HOME is set")?;
    let sysroot = exec::capture(workspace.command("rustc").args(["--print", "sysroot"]))?;
    // The later one that fits counts, so the narrower ones come last.
    let folders = [
        (workspace.target.display().to_string(), "/target"),
        (workspace.root.display().to_string(), "/kartei"),
        (cargo.display().to_string(), "/crates"),
        (sysroot.trim().to_owned(), "/rust"),
    ];
    let flags = |flag: &str, between: &str| {
        folders
            .iter()
            .map(|(from, to)| format!("{flag}={from}={to}"))
            .collect::<Vec<_>>()
            .join(between)
    };
    // Cargo's own separator: a folder may have a blank in its name.
    Ok([
        ("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix", "\u{1f}")),
        ("CFLAGS", flags("-ffile-prefix-map", " ")),
    ])
}

/// Packs the programs that the tests built, and installs the package below the target folder with
/// dpkg, which then knows it there. Answers the folder that is its `/`.
pub(crate) fn install_for_tests(workspace: &Workspace, kind: &Kind) -> Result<PathBuf> {
    // Packing well takes a minute for programs of the dev profile; nobody downloads this one.
    let package = pack(workspace, kind, "debug", "none")?;
    let root = workspace.target.join("package").join("installed").join(kind.name);
    fresh(&root)?;
    let database = root.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(database.join(folder))?;
    }
    for file in ["status", "available"] {
        fs::write(database.join(file), "")?;
    }
    let mut dpkg = workspace.command("dpkg");
    dpkg.arg(format!("--root={}", root.display()));
    // The libraries are those of this machine, which the database below knows nothing of; whether
    // they are there is asked of the machine's own, next.
    dpkg.args(["--force-not-root", "--force-script-chrootless", "--force-depends"]);
    dpkg.arg(format!("--log={}", root.join("dpkg.log").display()));
    dpkg.arg("--install").arg(&package);
    exec::capture(&mut dpkg).context("dpkg does not install the package")?;
    satisfied(workspace, &package)?;
    if kind.has_window {
        known_to_the_session(workspace, &root)?;
    }
    let listed =
        exec::capture(
            workspace
                .command("dpkg-query")
                .arg(format!("--admindir={}", database.display()))
                .args(["--show", "--showformat", "${db:Status-Status}", kind.name]),
        )?;
    if listed.trim() != "installed" {
        bail!("dpkg says that the package is {listed}");
    }
    Ok(root)
}

/// What Debian's own packages do when a menu entry or a type of file comes; theirs is for `/usr`.
fn known_to_the_session(workspace: &Workspace, root: &Path) -> Result<()> {
    let applications = root.join("usr/share/applications");
    exec::capture(workspace.command("update-desktop-database").arg(&applications))?;
    exec::capture(workspace.command("update-mime-database").arg(root.join("usr/share/mime")))?;
    let entry = applications.join("org.kartei.desktop.desktop");
    exec::capture(workspace.command("desktop-file-validate").arg(entry))
        .context("the menu entry is not as it must be")?;
    Ok(())
}

/// Whether this machine has what the package depends on.
fn satisfied(workspace: &Workspace, package: &Path) -> Result<()> {
    let mut field = workspace.command("dpkg-deb");
    let depends = exec::capture(field.arg("--field").arg(package).arg("Depends"))?;
    let mut check = workspace.command("dpkg-checkbuilddeps");
    check.args(["-d", depends.trim(), "/dev/null"]);
    exec::capture(&mut check).context("the package depends on what this machine lacks")?;
    Ok(())
}

/// Makes the package of the programs of `profile`, with dpkg's name for how to compress it.
fn pack(workspace: &Workspace, kind: &Kind, profile: &str, compression: &str) -> Result<PathBuf> {
    let folder = workspace.target.join("package").join(profile).join(kind.name);
    fresh(&folder)?;
    let tree = folder.join("tree");
    programs(workspace, kind, profile, &tree)?;
    for (from, to, mode) in kind.files {
        let text = fs::read(workspace.path(from)).with_context(|| format!("cannot read {from}"))?;
        put(&tree.join(to), &text, *mode)?;
    }
    for (path, mode) in kind.folders {
        fs::create_dir_all(tree.join(path))?;
        set_mode(&tree.join(path), *mode)?;
    }
    papers(workspace, kind, profile, &tree)?;
    about(workspace, kind, &tree)?;
    let version = env!("CARGO_PKG_VERSION");
    let architecture = exec::capture(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = architecture.trim();
    let control = fs::read_to_string(workspace.path(kind.folder).join("control"))?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@INSTALLED_SIZE@", &kilobytes(&tree)?.to_string())
        .replace("@DEPENDS@", &depends(workspace, kind, &folder, &tree)?);
    put(&tree.join("DEBIAN/control"), control.as_bytes(), 0o644)?;
    for (name, mode) in
        [("conffiles", 0o644), ("postinst", 0o755), ("prerm", 0o755), ("postrm", 0o755)]
    {
        if let Ok(text) = fs::read(workspace.path(kind.folder).join(name)) {
            put(&tree.join("DEBIAN").join(name), &text, mode)?;
        }
    }
    let package = folder.join(format!("{}_{version}_{architecture}.deb", kind.name));
    let mut deb = workspace.command("dpkg-deb");
    deb.arg("--root-owner-group").arg(format!("-Z{compression}")).arg("--build");
    // Files are as old as the commit, so that equal sources give equal packages.
    if std::env::var_os("SOURCE_DATE_EPOCH").is_none()
        && let Ok(seconds) =
            exec::capture(workspace.command("git").args(["log", "-1", "--format=%ct"]))
    {
        deb.env("SOURCE_DATE_EPOCH", seconds.trim());
    }
    exec::capture(deb.arg(&tree).arg(&package))?;
    Ok(package)
}

/// The programs, without what only a debugger reads.
fn programs(workspace: &Workspace, kind: &Kind, profile: &str, tree: &Path) -> Result<()> {
    let folder = tree.join("usr/bin");
    fs::create_dir_all(&folder)?;
    for name in kind.programs {
        let built = workspace.program(profile, name);
        let placed = folder.join(name);
        let mut strip = workspace.command("strip");
        exec::capture(strip.arg("--strip-all").arg("-o").arg(&placed).arg(&built))
            .with_context(|| format!("{} is not built", built.display()))?;
        if profile == "release" {
            names_no_folder(workspace, &placed)?;
        }
    }
    Ok(())
}

/// A program that people get does not tell where it was built.
fn names_no_folder(workspace: &Workspace, program: &Path) -> Result<()> {
    let bytes = fs::read(program)?;
    let mut folders =
        vec![workspace.root.display().to_string(), workspace.target.display().to_string()];
    folders.extend(std::env::var("HOME").ok().map(|home| format!("{home}/.cargo")));
    for folder in folders {
        if bytes.windows(folder.len()).any(|window| window == folder.as_bytes()) {
            bail!("{} names the folder {folder} of this machine", program.display());
        }
    }
    Ok(())
}

/// Manual pages and completions, as the programs write them.
fn papers(workspace: &Workspace, kind: &Kind, profile: &str, tree: &Path) -> Result<()> {
    for name in kind.with_papers {
        let mut program = workspace.command(workspace.program(profile, name));
        exec::capture(program.arg("papers").arg(tree.join("usr/share")))?;
    }
    let pages = tree.join("usr/share/man/man1");
    for entry in fs::read_dir(&pages)? {
        // Debian wants them compressed, and -n leaves out when that was.
        exec::capture(workspace.command("gzip").arg("-9n").arg(entry?.path()))?;
    }
    Ok(())
}

/// Licences, whose work is in it, and what changed.
fn about(workspace: &Workspace, kind: &Kind, tree: &Path) -> Result<()> {
    let folder = tree.join("usr/share/doc").join(kind.name);
    let read = |path: &str| {
        fs::read_to_string(workspace.path(path)).with_context(|| format!("cannot read {path}"))
    };
    let copyright = format!(
        "Kartei is under the MIT licence or the Apache licence 2.0, whichever you choose.\n\
         Work of others in it, with their licences: third-party.txt.gz beside this file.\n\n{}\n{}",
        read("LICENSE-MIT")?,
        read("LICENSE-APACHE")?
    );
    put(&folder.join("copyright"), copyright.as_bytes(), 0o644)?;
    for (name, text) in [
        ("third-party.txt", notices::text(workspace, kind)?),
        ("changelog", read("docs/CHANGELOG.md")?),
    ] {
        put(&folder.join(name), text.as_bytes(), 0o644)?;
        exec::capture(workspace.command("gzip").arg("-9n").arg(folder.join(name)))?;
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)?;
    set_mode(path, mode)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// Where files have no modes there is no dpkg-deb either.
#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    bail!("Debian packages are made on systems whose files have modes")
}

/// The packages whose libraries the programs are linked with, as Debian's own tool finds them.
fn depends(workspace: &Workspace, kind: &Kind, folder: &Path, tree: &Path) -> Result<String> {
    // The tool wants to stand in a source package.
    fs::create_dir_all(folder.join("debian"))?;
    fs::write(
        folder.join("debian/control"),
        format!("Source: kartei\n\nPackage: {}\nArchitecture: any\n", kind.name),
    )?;
    let mut find = workspace.command("dpkg-shlibdeps");
    find.current_dir(folder).arg("-O");
    find.args(kind.programs.iter().map(|name| tree.join("usr/bin").join(name)));
    let found = exec::capture(&mut find)?;
    let line = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    line.map(str::to_owned).context("dpkg-shlibdeps names no packages")
}

fn kilobytes(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() {
            kilobytes(&entry.path())?
        } else {
            entry.metadata()?.len().div_ceil(1024)
        };
    }
    Ok(total)
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}
