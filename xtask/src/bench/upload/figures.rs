//! Figures of uploads, their medians, and the tables in Markdown.

use std::fmt::{self, Write as _};

use anyhow::Result;

use super::meter::Used;
use super::servers::Kind;
use crate::bench::table::median;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// What one server did with one case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub files: f64,
    pub bytes: f64,
    /// Seconds until the last file was acknowledged.
    pub wall: f64,
    /// Seconds until it was also on the disk.
    pub flushed: f64,
    /// What the server used.
    pub used: Used,
    /// Processor seconds of whoever sent.
    pub load_cpu: f64,
    /// Milliseconds of an upload.
    pub median_ms: f64,
    pub p99_ms: f64,
}

impl Figure {
    pub(crate) fn mb_per_second(&self) -> f64 {
        self.bytes / 1e6 / self.wall
    }

    fn flushed_mb_per_second(&self) -> f64 {
        self.bytes / 1e6 / self.flushed
    }

    pub(crate) fn cpu_per_gib(&self) -> f64 {
        self.used.cpu / (self.bytes / GIB)
    }

    fn cpu_ms_per_file(&self) -> f64 {
        self.used.cpu * 1e3 / self.files
    }

    pub(crate) fn files_per_second(&self) -> f64 {
        self.files / self.wall
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} MB/s ({:.1} with sync), {:.2} CPU s/GiB, {} MB, {:.0} files/s, load {:.2} CPU s",
            self.mb_per_second(),
            self.flushed_mb_per_second(),
            self.cpu_per_gib(),
            shown(self.used.peak_mb),
            self.files_per_second(),
            self.load_cpu
        )
    }
}

/// Whose figures they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Server(Kind),
    /// The same bytes written durably without a server.
    Floor(&'static str),
}

impl Who {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Server(kind) => kind.title(),
            Self::Floor(title) => title,
        }
    }

    fn durable(self) -> &'static str {
        match self {
            Self::Server(kind) => kind.durable(),
            Self::Floor(_) => "yes",
        }
    }

    /// Whether it is somebody else's server.
    pub(crate) fn is_peer(self) -> bool {
        self.is_tus_peer() || self == Self::Server(Kind::Nginx)
    }

    fn is_tus_peer(self) -> bool {
        matches!(self, Self::Server(kind) if kind.is_tus_peer())
    }
}

/// A case with the figures of everybody, ours first.
#[derive(Debug)]
pub(crate) struct Group {
    pub title: String,
    pub rows: Vec<(Who, Vec<Figure>)>,
    /// Who could not do it, and why; they have no figures.
    pub failed: Vec<String>,
}

/// Medians, each figure by itself.
#[derive(Debug, Clone, Copy)]
struct Row {
    who: Who,
    mb_per_second: f64,
    /// The quickest round less the slowest.
    spread: f64,
    flushed: f64,
    cpu_per_gib: f64,
    cpu_ms_per_file: f64,
    peak_mb: f64,
    files_per_second: f64,
    median_ms: f64,
    p99_ms: f64,
}

impl Row {
    fn of(who: Who, figures: &[Figure]) -> Self {
        let all = |of: fn(&Figure) -> f64| figures.iter().map(of).collect::<Vec<f64>>();
        let rates = all(Figure::mb_per_second);
        let quickest = rates.iter().copied().fold(0.0, f64::max);
        let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
        Self {
            who,
            mb_per_second: median(rates),
            spread: quickest - slowest,
            flushed: median(all(Figure::flushed_mb_per_second)),
            cpu_per_gib: median(all(Figure::cpu_per_gib)),
            cpu_ms_per_file: median(all(Figure::cpu_ms_per_file)),
            peak_mb: median(all(|figure| figure.used.peak_mb)),
            files_per_second: median(all(Figure::files_per_second)),
            median_ms: median(all(|figure| figure.median_ms)),
            p99_ms: median(all(|figure| figure.p99_ms)),
        }
    }
}

impl Group {
    fn rows(&self) -> Vec<Row> {
        let measured = self.rows.iter().filter(|(_, figures)| !figures.is_empty());
        measured.map(|(who, figures)| Row::of(*who, figures)).collect()
    }
}

/// The table of a part, and what it says about the goals.
pub(crate) fn markdown(title: &str, rounds: usize, groups: &[Group]) -> Result<String> {
    let mut text = format!(
        "\n### {title}\n\nMedians of {rounds} rounds, servers in turn. \"×\": Kartei's rate and processor \
         time as a multiple of that server's.\n\n\
         | case | server | durable | MB/s | spread | MB/s with `sync` | × | CPU s/GiB | CPU ms/file | × | peak MB | \
         files/s | median ms | p99 ms |\n\
         |---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for group in groups {
        let rows = group.rows();
        for row in &rows {
            let times = |of: fn(&Row) -> f64| shown(rows.first().map_or(f64::NAN, of) / of(row));
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.0} | {} | {} |",
                group.title,
                row.who.title(),
                row.who.durable(),
                shown(row.mb_per_second),
                shown(row.spread),
                shown(row.flushed),
                times(|row| row.mb_per_second),
                shown(row.cpu_per_gib),
                shown(row.cpu_ms_per_file),
                times(|row| row.cpu_per_gib),
                shown(row.peak_mb),
                row.files_per_second,
                shown(row.median_ms),
                shown(row.p99_ms),
            )?;
        }
    }
    text.push_str(&goals(groups)?);
    for reason in groups.iter().flat_map(|group| &group.failed) {
        writeln!(text, "\nNot measured: {reason}.")?;
    }
    Ok(text)
}

/// Ours beside the quicker server of tus.
fn goals(groups: &[Group]) -> Result<String> {
    let mut text =
        "\nBeside the quicker tus server (goals: at least 2 × its MB/s, at most 0.5 × its \
                    processor time; 64 MB):\n\n\
                    | case | it is | MB/s × | CPU × | our peak MB |\n|---|---|---:|---:|---:|\n"
            .to_owned();
    for group in groups {
        let rows = group.rows();
        let quicker = rows
            .iter()
            .filter(|row| row.who.is_tus_peer())
            .max_by(|a, b| a.mb_per_second.total_cmp(&b.mb_per_second));
        let (Some(ours), Some(peer)) = (rows.first(), quicker) else { continue };
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {:.0} |",
            group.title,
            peer.who.title(),
            ours.mb_per_second / peer.mb_per_second,
            ours.cpu_per_gib / peer.cpu_per_gib,
            ours.peak_mb
        )?;
    }
    Ok(text)
}

/// A figure with as many digits as it deserves; nothing where it does not exist.
pub(crate) fn shown(figure: f64) -> String {
    match figure {
        figure if !figure.is_finite() => "–".to_owned(),
        figure if figure.abs() >= 100.0 => format!("{figure:.0}"),
        figure if figure.abs() >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

/// A size as people write it.
pub(crate) fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(wall: f64, cpu: f64) -> Figure {
        Figure {
            files: 1.0,
            bytes: GIB,
            wall,
            flushed: wall,
            used: Used { cpu, peak_mb: 30.0 },
            load_cpu: 0.1,
            median_ms: 1.0,
            p99_ms: 1.0,
        }
    }

    #[test]
    fn the_goal_is_measured_against_the_quicker_tus_server() {
        let rows = vec![
            (Who::Server(Kind::Record), vec![figure(1.0, 1.0)]),
            (Who::Server(Kind::Rustus), vec![figure(3.0, 1.0)]),
            (Who::Server(Kind::TusNode), vec![figure(2.0, 4.0)]),
            (Who::Server(Kind::Nginx), vec![figure(0.5, 0.1)]),
        ];
        let groups = [Group { title: "1 GiB".to_owned(), rows, failed: Vec::new() }];
        let text = markdown("One stream", 1, &groups).unwrap();
        assert!(text.contains("| 1 GiB | @tus/server | 2.00 | 0.25 | 30 |"), "{text}");
    }

    #[test]
    fn sizes_and_figures_are_short() {
        assert_eq!(
            [1 << 10, 3 << 20, 1 << 32, 1500].map(size).join(", "),
            "1 KiB, 3 MiB, 4 GiB, 1500 bytes"
        );
        assert_eq!([1234.5, 12.34, 1.234, f64::NAN].map(shown).join(", "), "1234, 12.3, 1.23, –");
    }
}
