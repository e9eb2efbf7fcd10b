//! Medians and their ratios, as Markdown.

use crate::bench::measure::Run;

/// The medians of one program on one file.
#[derive(Debug)]
pub(crate) struct Row {
    title: String,
    program: String,
    input_mb: f64,
    median: Run,
    /// The slowest run's wall time less the quickest's.
    spread: f64,
}

impl Row {
    /// Takes the median of each figure by itself.
    #[expect(clippy::cast_precision_loss, reason = "the size of a file, shown in megabytes")]
    pub(crate) fn of(title: &str, program: &str, input_bytes: u64, runs: &[Run]) -> Self {
        let walls: Vec<f64> = runs.iter().map(|run| run.wall).collect();
        let quickest = walls.iter().copied().fold(f64::INFINITY, f64::min);
        let slowest = walls.iter().copied().fold(0.0, f64::max);
        Self {
            title: title.to_owned(),
            program: program.to_owned(),
            input_mb: input_bytes as f64 / 1e6,
            median: Run {
                wall: median(walls),
                cpu: median(runs.iter().map(|run| run.cpu).collect()),
                peak_mb: median(runs.iter().map(|run| run.peak_mb).collect()),
                disk_mb: median(runs.iter().map(|run| run.disk_mb).collect()),
            },
            spread: slowest - quickest,
        }
    }
}

/// The table: of each group the first row is ours, and others are followed by their multiple of it.
pub(crate) fn markdown(groups: &[Vec<Row>], runs: usize, machine: &str) -> String {
    let mut lines = vec![
        format!("Medians of {runs} fresh runs each, run in turn. {machine}."),
        String::new(),
        "| file | program | wall s | spread s | CPU s | peak MB | on disk MB |".to_owned(),
        "|---|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for group in groups {
        for row in group {
            let Run { wall, cpu, peak_mb, disk_mb } = row.median;
            lines.push(format!(
                "| {} ({:.1} MB gzip) | {} | {wall:.2} | {:.2} | {cpu:.2} | {peak_mb:.0} | {disk_mb:.0} |",
                row.title, row.input_mb, row.program, row.spread
            ));
        }
        if let [ours, others @ ..] = group.as_slice() {
            for other in others {
                let times = |of: fn(&Run) -> f64| of(&other.median) / of(&ours.median);
                lines.push(format!(
                    "| | {} / kartei | {:.2}× | | {:.2}× | {:.2}× | |",
                    other.program,
                    times(|run| run.wall),
                    times(|run| run.cpu),
                    times(|run| run.peak_mb),
                ));
            }
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The middle figure, or between the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn the_peer_is_a_multiple_of_ours() {
        let run = |wall| Run { wall, cpu: wall, peak_mb: 10.0, disk_mb: 1.0 };
        let group =
            vec![Row::of("x", "kartei", 1, &[run(2.0)]), Row::of("x", "peer", 1, &[run(5.0)])];
        assert!(markdown(&[group], 1, "here").contains("| | peer / kartei | 2.50× |"));
    }
}
