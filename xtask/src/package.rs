//! `cargo xtask package`: the desktop as a Debian package; and its installation for the journeys.
//!
//! ```text
//! programs (built) ─▶ tree: usr/bin, usr/share ─▶ dpkg-shlibdeps: Depends ─▶ dpkg-deb ─▶ kartei.deb
//! ```
//! The package is made by Debian's own tools from `ops/debian`. What the programs need is read from
//! the programs, not kept by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{exec, setup, ui};

/// The programs of the package. The relay runs on a server and has a package of its own to come.
const PROGRAMS: &[&str] = &["kartei-desktop", "kartei"];

/// The desktop's identifier, under which it is known to the session.
const IDENTIFIER: &str = "org.kartei.desktop";

/// Icons, and the size that the theme files them under.
const ICONS: &[(&str, &str)] = &[
    ("src-tauri/icons/32x32.png", "32x32"),
    ("src-tauri/icons/128x128.png", "128x128"),
    ("src-tauri/icons/128x128@2x.png", "256x256"),
];

/// Builds the release programs and packs them. Answers nothing; says where the package is.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Demo)?;
    ui::build_if_stale(workspace)?;
    exec::show(&mut workspace.cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package=kartei-desktop",
        "--package=kartei-cli",
    ]))?;
    let package = pack(workspace, "release", "xz")?;
    let bytes = fs::metadata(&package)?.len();
    println!("{} ({} MB)", package.display(), bytes / 1_000_000);
    Ok(())
}

/// Packs the programs that the tests built, and installs the package below the target folder with
/// dpkg, which then knows it there. Answers the folder of the installed programs.
pub(crate) fn install_for_tests(workspace: &Workspace) -> Result<PathBuf> {
    // Packing well takes a minute for programs of the dev profile; nobody downloads this one.
    let package = pack(workspace, "debug", "none")?;
    let root = workspace.target.join("package").join("installed");
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
    // What Debian's own packages do when a menu entry or a type of file comes; theirs is for `/usr`.
    let share = root.join("usr/share");
    exec::capture(workspace.command("update-desktop-database").arg(share.join("applications")))?;
    exec::capture(workspace.command("update-mime-database").arg(share.join("mime")))?;
    let entry = share.join(format!("applications/{IDENTIFIER}.desktop"));
    exec::capture(workspace.command("desktop-file-validate").arg(entry))
        .context("the menu entry is not as it must be")?;
    let listed =
        exec::capture(
            workspace
                .command("dpkg-query")
                .arg(format!("--admindir={}", database.display()))
                .args(["--show", "--showformat", "${db:Status-Status}", "kartei"]),
        )?;
    if listed.trim() != "installed" {
        bail!("dpkg says that the package is {listed}");
    }
    Ok(root.join("usr/bin"))
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
fn pack(workspace: &Workspace, profile: &str, compression: &str) -> Result<PathBuf> {
    let folder = workspace.target.join("package").join(profile);
    fresh(&folder)?;
    let tree = folder.join("tree");
    programs(workspace, profile, &tree)?;
    shared(workspace, &tree)?;
    let version = env!("CARGO_PKG_VERSION");
    let architecture = exec::capture(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = architecture.trim();
    let control = fs::read_to_string(workspace.path("ops/debian/control"))?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@INSTALLED_SIZE@", &kilobytes(&tree)?.to_string())
        .replace("@DEPENDS@", &depends(workspace, &folder, &tree)?);
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::write(tree.join("DEBIAN/control"), control)?;
    let package = folder.join(format!("kartei_{version}_{architecture}.deb"));
    let mut deb = workspace.command("dpkg-deb");
    deb.arg("--root-owner-group").arg(format!("-Z{compression}")).arg("--build");
    exec::capture(deb.arg(&tree).arg(&package))?;
    Ok(package)
}

/// The programs, without what only a debugger reads.
fn programs(workspace: &Workspace, profile: &str, tree: &Path) -> Result<()> {
    let folder = tree.join("usr/bin");
    fs::create_dir_all(&folder)?;
    for name in PROGRAMS {
        let built = workspace.program(profile, name);
        let placed = folder.join(name);
        let mut strip = workspace.command("strip");
        exec::capture(strip.arg("--strip-all").arg("-o").arg(&placed).arg(&built))
            .with_context(|| format!("{} is not built", built.display()))?;
    }
    Ok(())
}

/// Menu entry, file type, icons, and the licence's place.
fn shared(workspace: &Workspace, tree: &Path) -> Result<()> {
    let copy = |from: &str, to: String| {
        let to = tree.join("usr/share").join(to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(workspace.path(from), &to).with_context(|| format!("cannot copy {from}"))
    };
    copy(
        &format!("ops/debian/{IDENTIFIER}.desktop"),
        format!("applications/{IDENTIFIER}.desktop"),
    )?;
    copy(&format!("ops/debian/{IDENTIFIER}.xml"), format!("mime/packages/{IDENTIFIER}.xml"))?;
    copy("src-tauri/icons/icon.svg", format!("icons/hicolor/scalable/apps/{IDENTIFIER}.svg"))?;
    for (file, size) in ICONS {
        copy(file, format!("icons/hicolor/{size}/apps/{IDENTIFIER}.png"))?;
    }
    Ok(())
}

/// The packages whose libraries the programs are linked with, as Debian's own tool finds them.
fn depends(workspace: &Workspace, folder: &Path, tree: &Path) -> Result<String> {
    // The tool wants to stand in a source package.
    fs::create_dir_all(folder.join("debian"))?;
    fs::write(
        folder.join("debian/control"),
        "Source: kartei\n\nPackage: kartei\nArchitecture: any\n",
    )?;
    let mut find = workspace.command("dpkg-shlibdeps");
    find.current_dir(folder).arg("-O");
    find.args(PROGRAMS.iter().map(|name| tree.join("usr/bin").join(name)));
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
