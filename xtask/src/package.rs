//! `cargo xtask package`: desktop and relay as Debian packages; and their installation for the journeys.
//!
//! ```text
//! programs (built) ─▶ tree: usr/bin, usr/share, etc ─▶ dpkg-shlibdeps: Depends ─▶ dpkg-deb ─▶ kartei.deb
//!      │                        ▲                                                            kartei-relay.deb
//!      └─ `manual`: pages and completions of their own
//! ```
//! The packages are made by Debian's own tools from `ops/debian`. What the programs need is read from
//! the programs, not kept by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{exec, notices, setup, ui};

/// A package: its name, which is that of its folder in `ops/debian`, and what it holds.
struct Package {
    name: &'static str,
    programs: &'static [&'static str],
    /// The crates that they are built of, and what those are built of.
    crates: &'static [&'static str],
    /// Those of them that write manual pages and completions.
    documented: &'static [&'static str],
    /// Files of the checkout, and where they go.
    files: &'static [(&'static str, &'static str)],
    /// What dpkg is told beside `control`, from the package's folder.
    told: &'static [&'static str],
}

const PACKAGES: [Package; 2] = [DESKTOP, RELAY];

/// Known to the session as `org.kartei.desktop`.
const DESKTOP: Package = Package {
    name: "kartei",
    programs: &["kartei-desktop", "kartei"],
    crates: &["kartei-desktop", "kartei-cli"],
    documented: &["kartei"],
    files: &[
        (
            "ops/debian/kartei/org.kartei.desktop.desktop",
            "usr/share/applications/org.kartei.desktop.desktop",
        ),
        (
            "ops/debian/kartei/org.kartei.desktop.xml",
            "usr/share/mime/packages/org.kartei.desktop.xml",
        ),
        (
            "src-tauri/icons/icon.svg",
            "usr/share/icons/hicolor/scalable/apps/org.kartei.desktop.svg",
        ),
        ("src-tauri/icons/32x32.png", "usr/share/icons/hicolor/32x32/apps/org.kartei.desktop.png"),
        (
            "src-tauri/icons/128x128.png",
            "usr/share/icons/hicolor/128x128/apps/org.kartei.desktop.png",
        ),
        (
            "src-tauri/icons/128x128@2x.png",
            "usr/share/icons/hicolor/256x256/apps/org.kartei.desktop.png",
        ),
    ],
    told: &[],
};

const RELAY: Package = Package {
    name: "kartei-relay",
    programs: &["kartei-relay"],
    crates: &["kartei-relay"],
    documented: &["kartei-relay"],
    files: &[
        ("ops/systemd/kartei-relay.service", "lib/systemd/system/kartei-relay.service"),
        ("ops/systemd/kartei-worker@.service", "lib/systemd/system/kartei-worker@.service"),
        ("ops/systemd/relay.env", "etc/kartei/relay.env"),
        ("ops/systemd/secrets.conf", "usr/share/doc/kartei-relay/examples/secrets.conf"),
        ("ops/prometheus/alerts.yml", "usr/share/doc/kartei-relay/examples/alerts.yml"),
        ("ops/grafana/kartei.json", "usr/share/doc/kartei-relay/examples/grafana.json"),
    ],
    told: &["conffiles", "postinst", "prerm", "postrm"],
};

/// Of every package, below `usr/share/doc`.
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// systemd's own measure of what a service could do to the machine, of 100: "OK" ends at 49.
const EXPOSURE_MAX: &str = "20";

/// Builds the release programs and packs them. Answers nothing; says where the packages are.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Demo)?;
    ui::build_if_stale(workspace)?;
    exec::show(&mut workspace.cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package=kartei-desktop",
        "--package=kartei-cli",
        "--package=kartei-relay",
    ]))?;
    for package in PACKAGES {
        let file = pack(workspace, &package, "release", "xz")?;
        let bytes = fs::metadata(&file)?.len();
        println!("{} ({} MB)", file.display(), bytes / 1_000_000);
    }
    Ok(())
}

/// Packs the programs that the tests built, and installs the packages below the target folder with
/// dpkg, which then knows them there. Answers the folder of the installed programs.
pub(crate) fn install_for_tests(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.target.join("package").join("installed");
    fresh(&root)?;
    let database = root.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(database.join(folder))?;
    }
    for file in ["status", "available"] {
        fs::write(database.join(file), "")?;
    }
    for package in &PACKAGES {
        // Packing well takes a minute for programs of the dev profile; nobody downloads these.
        let file = pack(workspace, package, "debug", "none")?;
        install(workspace, package, &file, &root)?;
    }
    // What Debian's own packages do when a menu entry or a type of file comes; theirs is for `/usr`.
    let share = root.join("usr/share");
    let applications = share.join("applications");
    exec::capture(workspace.command("update-desktop-database").arg(&applications))?;
    exec::capture(workspace.command("update-mime-database").arg(share.join("mime")))?;
    for entry in fs::read_dir(applications)? {
        let entry = entry?.path();
        if entry.extension().is_some_and(|extension| extension == "desktop") {
            exec::capture(workspace.command("desktop-file-validate").arg(entry))
                .context("the menu entry is not as it must be")?;
        }
    }
    services(workspace, &root)?;
    Ok(root.join("usr/bin"))
}

/// Installs a package below a root of its own.
fn install(workspace: &Workspace, package: &Package, file: &Path, root: &Path) -> Result<()> {
    let mut dpkg = workspace.command("dpkg");
    dpkg.arg(format!("--root={}", root.display()));
    // The libraries are those of this machine, which the database below knows nothing of; whether
    // they are there is asked of the machine's own, next.
    dpkg.args(["--force-not-root", "--force-script-chrootless", "--force-depends"]);
    dpkg.arg(format!("--log={}", root.join("dpkg.log").display()));
    exec::capture(dpkg.arg("--install").arg(file)).context("dpkg does not install the package")?;
    satisfied(workspace, file)?;
    let mut query = workspace.command("dpkg-query");
    query.arg(format!("--admindir={}", root.join("var/lib/dpkg").display()));
    query.args(["--show", "--showformat", "${db:Status-Status}", package.name]);
    let listed = exec::capture(&mut query)?;
    if listed.trim() != "installed" {
        bail!("dpkg says that the package {} is {listed}", package.name);
    }
    Ok(())
}

/// Has systemd read the services, and say how much of the machine is open to them.
fn services(workspace: &Workspace, root: &Path) -> Result<()> {
    let units = root.join("lib/systemd/system");
    for unit in ["kartei-relay.service", "kartei-worker@.service"] {
        let mut security = workspace.command("systemd-analyze");
        security.args(["security", "--no-pager", "--offline=true"]);
        security.arg(format!("--threshold={EXPOSURE_MAX}")).arg(units.join(unit));
        exec::capture(&mut security)
            .with_context(|| format!("{unit} leaves more open than {EXPOSURE_MAX} of 100"))?;
    }
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

/// Makes a package of the programs of `profile`, with dpkg's name for how to compress it.
fn pack(
    workspace: &Workspace,
    package: &Package,
    profile: &str,
    compression: &str,
) -> Result<PathBuf> {
    let folder = workspace.target.join("package").join(profile).join(package.name);
    fresh(&folder)?;
    let tree = folder.join("tree");
    programs(workspace, package, profile, &tree)?;
    for (from, to) in package.files {
        place(&workspace.path(from), &tree.join(to))?;
    }
    let doc = tree.join("usr/share/doc").join(package.name);
    for licence in LICENCES {
        place(&workspace.path(licence), &doc.join(licence))?;
    }
    let others = notices::notices(workspace, package.crates)?;
    fs::write(doc.join("THIRD-PARTY-NOTICES"), others)?;
    place(&workspace.path("docs/CHANGELOG.md"), &doc.join("CHANGELOG.md"))?;
    let version = env!("CARGO_PKG_VERSION");
    let architecture = exec::capture(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = architecture.trim();
    let told = workspace.path("ops/debian").join(package.name);
    let control = fs::read_to_string(told.join("control"))?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@INSTALLED_SIZE@", &kilobytes(&tree)?.to_string())
        .replace("@DEPENDS@", &depends(workspace, package, &folder, &tree)?);
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::write(tree.join("DEBIAN/control"), control)?;
    for file in package.told {
        place(&told.join(file), &tree.join("DEBIAN").join(file))?;
    }
    let file = folder.join(format!("{}_{version}_{architecture}.deb", package.name));
    let mut deb = workspace.command("dpkg-deb");
    deb.arg("--root-owner-group").arg(format!("-Z{compression}")).arg("--build");
    exec::capture(deb.arg(&tree).arg(&file))?;
    Ok(file)
}

/// Copies a file with what may be done with it.
fn place(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// The programs, without what only a debugger reads, and what they say of themselves.
fn programs(workspace: &Workspace, package: &Package, profile: &str, tree: &Path) -> Result<()> {
    let folder = tree.join("usr/bin");
    fs::create_dir_all(&folder)?;
    for name in package.programs {
        let built = workspace.program(profile, name);
        let placed = folder.join(name);
        let mut strip = workspace.command("strip");
        exec::capture(strip.arg("--strip-all").arg("-o").arg(&placed).arg(&built))
            .with_context(|| format!("{} is not built", built.display()))?;
    }
    for name in package.documented {
        let mut manual = Command::new(folder.join(name));
        exec::capture(manual.arg("manual").arg(tree.join("usr/share")))?;
    }
    let pages = tree.join("usr/share/man/man1");
    for page in fs::read_dir(&pages)? {
        // Without its name and moment in it, so that the same page makes the same bytes.
        exec::capture(workspace.command("gzip").args(["-9", "-n"]).arg(page?.path()))?;
    }
    Ok(())
}

/// The packages whose libraries the programs are linked with, as Debian's own tool finds them.
fn depends(workspace: &Workspace, package: &Package, folder: &Path, tree: &Path) -> Result<String> {
    // The tool wants to stand in a source package.
    fs::create_dir_all(folder.join("debian"))?;
    let control = format!("Source: {0}\n\nPackage: {0}\nArchitecture: any\n", package.name);
    fs::write(folder.join("debian/control"), control)?;
    let mut find = workspace.command("dpkg-shlibdeps");
    find.current_dir(folder).arg("-O");
    find.args(package.programs.iter().map(|name| tree.join("usr/bin").join(name)));
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
