//! The packages: what each holds, and where it goes.

/// A Debian package.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Debian's name of it.
    pub name: &'static str,
    /// The folder with its control file, its list of conffiles and its maintainer scripts.
    pub folder: &'static str,
    /// Its programs.
    pub programs: &'static [&'static str],
    /// The crates that these are made of.
    pub crates: &'static [&'static str],
    /// Programs that write their manual pages and completions themselves.
    pub with_papers: &'static [&'static str],
    /// Whether the page of the window is in it.
    pub has_window: bool,
    /// Files of the repository, and where they go.
    pub files: &'static [File],
    /// Folders that are empty at first, with their modes.
    pub folders: &'static [(&'static str, u32)],
}

/// A file of the repository: where it is, where it goes, its mode.
pub(crate) type File = (&'static str, &'static str, u32);

/// The window and the command line.
pub(crate) const DESKTOP: Kind = Kind {
    name: "kartei",
    folder: "ops/debian/desktop",
    programs: &["kartei-desktop", "kartei"],
    crates: &["kartei-desktop", "kartei-cli"],
    with_papers: &["kartei"],
    has_window: true,
    files: &[
        (
            "ops/debian/desktop/org.kartei.desktop.desktop",
            "usr/share/applications/org.kartei.desktop.desktop",
            0o644,
        ),
        (
            "ops/debian/desktop/org.kartei.desktop.xml",
            "usr/share/mime/packages/org.kartei.desktop.xml",
            0o644,
        ),
        (
            "src-tauri/icons/icon.svg",
            "usr/share/icons/hicolor/scalable/apps/org.kartei.desktop.svg",
            0o644,
        ),
        (
            "src-tauri/icons/32x32.png",
            "usr/share/icons/hicolor/32x32/apps/org.kartei.desktop.png",
            0o644,
        ),
        (
            "src-tauri/icons/128x128.png",
            "usr/share/icons/hicolor/128x128/apps/org.kartei.desktop.png",
            0o644,
        ),
        (
            "src-tauri/icons/128x128@2x.png",
            "usr/share/icons/hicolor/256x256/apps/org.kartei.desktop.png",
            0o644,
        ),
    ],
    folders: &[],
};

/// The relay, for a server with systemd.
pub(crate) const RELAY: Kind = Kind {
    name: "kartei-relay",
    folder: "ops/debian/relay",
    programs: &["kartei-relay"],
    crates: &["kartei-relay"],
    with_papers: &["kartei-relay"],
    has_window: false,
    files: &[
        (
            "ops/debian/relay/kartei-relay.service",
            "usr/lib/systemd/system/kartei-relay.service",
            0o644,
        ),
        (
            "ops/debian/relay/kartei-worker@.service",
            "usr/lib/systemd/system/kartei-worker@.service",
            0o644,
        ),
        ("ops/debian/relay/sysusers.conf", "usr/lib/sysusers.d/kartei-relay.conf", 0o644),
        // Only who administers the machine may read it: it may name accounts. systemd reads it as such.
        ("ops/debian/relay/relay.env", "etc/kartei/relay.env", 0o600),
        ("ops/prometheus/alerts.yml", "usr/share/doc/kartei-relay/prometheus/alerts.yml", 0o644),
        (
            "ops/prometheus/prometheus.yml",
            "usr/share/doc/kartei-relay/prometheus/prometheus.yml",
            0o644,
        ),
        ("ops/grafana/kartei.json", "usr/share/doc/kartei-relay/grafana/kartei.json", 0o644),
        ("docs/relay.md", "usr/share/doc/kartei-relay/relay.md", 0o644),
        ("docs/backup.md", "usr/share/doc/kartei-relay/backup.md", 0o644),
        ("docs/runbook.md", "usr/share/doc/kartei-relay/runbook.md", 0o644),
    ],
    folders: &[("etc/kartei/credentials", 0o700)],
};
