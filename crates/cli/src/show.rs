//! Text for people.

use kartei_protocol::desktop::{
    ErasureReport, HistoryKind, HistoryPage, ProfileDetail, ProfilePage, ProfileStatus, SyncState,
    SyncStatus, Workspaces,
};
use kartei_protocol::problem::Problem;
use serde_json::Value;

use crate::output::Output;

/// A count with thin groups: 26 370.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

fn mark(status: ProfileStatus) -> &'static str {
    match status {
        ProfileStatus::Synced => "●",
        ProfileStatus::Pending => "◐",
        ProfileStatus::Conflict => "▲",
        ProfileStatus::Rejected => "✕",
    }
}

fn word(status: ProfileStatus) -> &'static str {
    match status {
        ProfileStatus::Synced => "synced",
        ProfileStatus::Pending => "pending",
        ProfileStatus::Conflict => "conflict",
        ProfileStatus::Rejected => "rejected",
    }
}

pub(crate) fn page(output: &Output, page: &ProfilePage) -> Result<(), Problem> {
    let width = page.rows.iter().map(|row| row.id.chars().count()).max().unwrap_or(0).min(40);
    let mut lines = Vec::with_capacity(page.rows.len() + 1);
    for row in &page.rows {
        let name = row.display_name.as_deref().unwrap_or("–");
        let tags = row.tags.join(" ");
        let scores: String =
            row.scores.iter().map(|(of, score)| format!("  {of} {score:.2}")).collect();
        lines.push(format!(
            "{} {:<width$}  {name}  {:>5}  {tags}{scores}",
            mark(row.status),
            row.id,
            row.observations
        ));
    }
    if let Some(merged) = &page.merged {
        lines.push(format!("{} was merged into {}", merged.id, merged.into));
    }
    let shown = number(page.rows.len() as u64);
    lines.push(format!(
        "{shown} of {} shown, {} in all",
        number(page.matching),
        number(page.total)
    ));
    if page.unscored > 0 {
        lines.push(format!("{} wait for their scores", number(page.unscored)));
    }
    output.lines(&lines)
}

/// The pointer of the profile itself.
const WHOLE: &str = "";

/// A field as it is named to people.
pub(crate) fn field_name(pointer: &str) -> &str {
    if pointer == WHOLE { "the profile" } else { pointer }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn profile(
    output: &Output,
    profile: &ProfileDetail,
    history: Option<&HistoryPage>,
) -> Result<(), Problem> {
    if output.json() {
        return match history {
            Some(history) => {
                output.value(&serde_json::json!({ "profile": profile, "history": history }))
            }
            None => output.value(profile),
        };
    }
    if profile.deleted {
        return output.lines(&[format!("{} is deleted; `kartei undo` takes it back", profile.id)]);
    }
    let mut lines =
        vec![format!("{} {}  {}", mark(profile.status), profile.id, word(profile.status))];
    if let Some(asked) = &profile.asked {
        lines.push(format!(
            "  {asked} was merged into this profile; `kartei show {asked} --history` has its past"
        ));
    }
    for (member, value) in profile.record.as_object().into_iter().flatten() {
        match (member.as_str(), value) {
            ("schema" | "id", _) => {}
            ("observations", Value::Array(items)) => {
                lines.push(format!("  observations: {}", number(items.len() as u64)));
            }
            ("attributes", Value::Object(map)) => {
                lines.extend(
                    map.iter().map(|(key, value)| format!("  attributes.{key}: {}", shown(value))),
                );
            }
            ("tags", Value::Array(tags)) => {
                let tags: Vec<String> = tags.iter().map(shown).collect();
                lines.push(format!("  tags: {}", tags.join(" ")));
            }
            (member, value) => lines.push(format!("  {member}: {}", shown(value))),
        }
    }
    lines.push(format!("  hash: {}", profile.hash));
    for conflict in &profile.conflicts {
        let base = conflict.base.as_ref().map_or("–".to_owned(), shown);
        lines.push(match conflict.pointer.as_str() {
            WHOLE => "▲ \"\" the whole profile: one side deleted it".to_owned(),
            pointer => format!("▲ {pointer} (before: {base})"),
        });
        for value in &conflict.values {
            let what = match (conflict.pointer.as_str(), &value.value) {
                (WHOLE, Value::Bool(true)) => "deleted".to_owned(),
                (WHOLE, Value::String(into)) => format!("merged into {into}"),
                (WHOLE, _) => "kept, as it was written".to_owned(),
                _ if value.removed => "removed".to_owned(),
                (_, value) => shown(value),
            };
            let who = match (&value.by, value.imported) {
                (_, true) => "an import",
                (Some(by), false) => by.as_str(),
                (None, false) => "somebody",
            };
            lines.push(format!(
                "    {what}  by {who} {}  key {}",
                value.at.as_deref().unwrap_or(""),
                value.key
            ));
        }
    }
    if let Some(rejected) = &profile.rejected {
        lines.push(format!("✕ the relay refused: {rejected}"));
    }
    for entry in history.into_iter().flat_map(|history| &history.entries) {
        let into = entry.became.as_ref().map(|into| format!("merged into {into}"));
        let kind = match entry.kind {
            _ if into.is_some() => into.as_deref().unwrap_or_default(),
            HistoryKind::Genesis => "began",
            HistoryKind::Import => "imported",
            HistoryKind::Edit => "edited",
            HistoryKind::Deletion => "deleted",
            HistoryKind::Reopening => "took a decision back",
            HistoryKind::Revival => "brought back",
        };
        let by = entry.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let file = entry.file.as_deref().map(|file| format!(" from {file}")).unwrap_or_default();
        let pending = if entry.pending { "  ◐" } else { "" };
        lines.push(format!("· {} {kind}{by}{file}{pending}", entry.at.as_deref().unwrap_or("–")));
        for field in &entry.fields {
            let side = |value: &Option<Value>| value.as_ref().map_or("–".to_owned(), shown);
            lines.push(format!(
                "    {}: {} → {}",
                field.pointer,
                side(&field.before),
                side(&field.after)
            ));
        }
    }
    output.lines(&lines)
}

pub(crate) fn erasure(id: &str, report: &ErasureReport) -> Vec<String> {
    let mut lines = vec![format!("{id} is erased for good, as of {} by {}", report.at, report.by)];
    for device in &report.devices {
        lines.push(match (&device.confirmed_at, device.revoked) {
            (Some(at), _) => format!("● {}: confirmed {at}", device.name),
            (None, true) => format!("✕ {}: its token was revoked, it cannot confirm", device.name),
            (None, false) => format!("◐ {}: has still to confirm", device.name),
        });
    }
    lines
}

pub(crate) fn status(status: &SyncStatus) -> String {
    let relay = status.relay.as_deref().unwrap_or("no relay");
    let state = match status.state {
        SyncState::Local => "local only: sign in with `kartei login URL`".to_owned(),
        SyncState::Waiting => format!("waiting for `kartei sync` with {relay}"),
        SyncState::Syncing => {
            let left = match status.remaining {
                0 => String::new(),
                left => format!(", about {} to come", number(left)),
            };
            format!("syncing with {relay}, {} exchanged{left}", number(status.exchanged))
        }
        SyncState::UpToDate => {
            format!("up to date with {relay} as of {}", status.synced_at.as_deref().unwrap_or("–"))
        }
        SyncState::Offline => {
            format!(
                "offline since {}: {relay} cannot be reached",
                status.offline_since.as_deref().unwrap_or("–")
            )
        }
        SyncState::Problem => status
            .problem
            .as_ref()
            .map_or_else(|| "a problem".to_owned(), |problem| problem.message.clone()),
    };
    let repaired = status.repaired.as_ref().map_or_else(String::new, |report| {
        format!(
            "\n⚠ {}: this data folder and the relay differed; {} profiles were read again, {} sent \
             again: {}",
            report.at,
            number(report.replaced),
            number(report.offered),
            report.ids.join(", ")
        )
    });
    format!(
        "{state} — {} profiles, {} pending, {} in conflict, {} rejected{repaired}",
        number(status.profiles),
        number(status.pending),
        number(status.conflicts),
        number(status.rejected)
    )
}

pub(crate) fn workspaces(output: &Output, all: &Workspaces) -> Result<(), Problem> {
    if output.json() {
        return output.value(all);
    }
    let line = |one: &kartei_protocol::desktop::Workspace| {
        let name = one.name.as_deref().or(one.organisation.as_deref()).unwrap_or("–");
        let relay = one.relay.as_deref().unwrap_or("no relay");
        format!("{:<8}  {name}  {relay}  {}", one.id, one.folder)
    };
    output.lines(&all.workspaces.iter().map(line).collect::<Vec<_>>())
}
