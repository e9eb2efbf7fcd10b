//! Observations of one profile, in the parts that a window can hold.

use std::collections::BTreeMap;

use kartei_profile::Instant;
use kartei_protocol::desktop::{
    AskSeries, Lane, ListObservations, ObservationPage, ObservationRow, ProfileDetail, Series,
};
use kartei_protocol::problem::Problem;
use serde_json::Value;

use crate::app::App;
use crate::problem::of_store;
use crate::views;

/// Observations that come with a profile: about as many as a screen has points. A record holds up to
/// 10,000, a megabyte that would cross with each edit.
const WITH_DETAIL_MAX: u64 = 200;

/// Points of a lane at most: more than a wide screen has pixels for.
const POINTS_MAX: u32 = 2_000;

/// Lanes at most: more than anybody compares.
const LANES_MAX: usize = 64;

/// Rows in one part at most.
const ROWS_MAX: u32 = 1_000;

/// Points that stand for a stretch of time: the first, the smallest, the largest and the last.
const POINTS_OF_STRETCH: usize = 4;

/// Takes observations out of an answer that are too many to come along.
pub(crate) fn left_out(mut detail: ProfileDetail) -> ProfileDetail {
    if detail.observations > WITH_DETAIL_MAX
        && let Some(record) = detail.record.as_object_mut()
    {
        record.remove("observations");
    }
    detail
}

/// Moment and value of an observation.
type Point = (f64, f64);

impl App {
    pub(crate) fn series(&self, request: &AskSeries) -> Result<Series, Problem> {
        let record = self.record_value(&request.id)?;
        let all = record["observations"].as_array().map_or(&[][..], Vec::as_slice);
        let mut points: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
        let (mut first, mut last) = (None, None);
        for one in all {
            let (Some(signal), Some(at), Some(value)) =
                (one["signal"].as_str(), seconds(&one["at"]), one["value"].as_f64())
            else {
                continue;
            };
            // The record is in the order of moments.
            first.get_or_insert(at);
            last = Some(at);
            let is_in =
                request.from.is_none_or(|from| from <= at) && request.to.is_none_or(|to| at <= to);
            if is_in {
                points.entry(signal).or_default().push((at, value));
            }
        }
        let mut lanes: Vec<(&str, Vec<Point>)> = points.into_iter().collect();
        let left_out = lanes.len().saturating_sub(LANES_MAX) as u64;
        lanes.sort_by_key(|(_, points)| std::cmp::Reverse(points.len()));
        lanes.truncate(LANES_MAX);
        lanes.sort_by_key(|(signal, _)| *signal);
        let points_max = request.points_max.min(POINTS_MAX) as usize;
        let lanes = lanes.into_iter().map(|(signal, points)| lane(signal, &points, points_max));
        Ok(Series { total: all.len() as u64, first, last, lanes: lanes.collect(), left_out })
    }

    pub(crate) fn observations(
        &self,
        request: &ListObservations,
    ) -> Result<ObservationPage, Problem> {
        let record = self.record_value(&request.id)?;
        let all = record["observations"].as_array().map_or(&[][..], Vec::as_slice);
        let is_asked = |one: &&Value| match &request.signal {
            Some(signal) => one["signal"] == signal.as_str(),
            None => true,
        };
        let total = all.iter().filter(is_asked).count() as u64;
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let limit = request.limit.min(ROWS_MAX) as usize;
        let rows = all.iter().rev().filter(is_asked).skip(offset).take(limit).map(row);
        Ok(ObservationPage { rows: rows.collect(), total })
    }

    fn record_value(&self, id: &str) -> Result<Value, Problem> {
        let view = self.shared.store.profile(id).map_err(|e| of_store(&e))?;
        Ok(views::value(&view.record))
    }
}

fn seconds(at: &Value) -> Option<f64> {
    let at = Instant::parse(at.as_str()?).ok()?;
    Some(at.unix_millis() as f64 / 1_000.0)
}

fn row(one: &Value) -> ObservationRow {
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    ObservationRow {
        id: text("id"),
        signal: text("signal"),
        value: one["value"].as_f64().unwrap_or_default(),
        n: one["n"].as_u64().unwrap_or(1),
        at: text("at"),
        source: one["source"].as_str().map(str::to_owned),
    }
}

fn lane(signal: &str, points: &[Point], points_max: usize) -> Lane {
    let values = || points.iter().map(|(_, value)| *value);
    let kept = reduced(points, points_max);
    Lane {
        signal: signal.to_owned(),
        count: points.len() as u64,
        min: values().fold(f64::INFINITY, f64::min),
        max: values().fold(f64::NEG_INFINITY, f64::max),
        reduced: kept.len() < points.len(),
        at: kept.iter().map(|(at, _)| *at).collect(),
        values: kept.iter().map(|(_, value)| *value).collect(),
    }
}

/// Points that draw the same line: of each stretch of time the first, the smallest, the largest and
/// the last, in the order of their moments.
fn reduced(points: &[Point], points_max: usize) -> Vec<Point> {
    let stretches = (points_max / POINTS_OF_STRETCH).max(1);
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if points.len() <= stretches * POINTS_OF_STRETCH {
        return points.to_vec();
    }
    let span = (last - first).max(f64::MIN_POSITIVE);
    let last_stretch = stretches as f64 - 1.0;
    let stretch_of =
        |at: f64| ((at - first) / span * stretches as f64).floor().min(last_stretch).to_bits();
    let mut kept = Vec::with_capacity(stretches * POINTS_OF_STRETCH);
    for stretch in points.chunk_by(|(a, _), (b, _)| stretch_of(*a) == stretch_of(*b)) {
        let by_value = |a: &usize, b: &usize| stretch[*a].1.total_cmp(&stretch[*b].1);
        let all = 0..stretch.len();
        let (low, high) = (all.clone().min_by(by_value), all.max_by(by_value));
        let mut chosen = vec![0, stretch.len() - 1];
        chosen.extend(low.into_iter().chain(high));
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|at| stretch[at]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reduced_line_keeps_its_ends_and_its_peaks() {
        let mut points: Vec<Point> = (0..10_000).map(|n| (f64::from(n), 1.0)).collect();
        points[4_321].1 = 9.0;
        points[7_007].1 = -3.0;
        let kept = reduced(&points, 400);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert!(kept.contains(&(4_321.0, 9.0)) && kept.contains(&(7_007.0, -3.0)));
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0.0, 9_999.0));
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0), "in the order of their moments");
    }

    #[test]
    fn a_short_line_stays_as_it_is() {
        let points = vec![(1.0, 2.0), (1.0, 3.0), (5.0, 1.0)];
        assert_eq!(reduced(&points, 400), points);
        assert_eq!(reduced(&[], 400), []);
        let at_once = vec![(1.0, 2.0); 100];
        assert!(reduced(&at_once, 8).len() <= 4, "one stretch of no length");
    }
}
