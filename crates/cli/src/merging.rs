//! Merging a profile into another one: shown first, then asked for.

use std::io::{BufRead, IsTerminal, Write};

use kartei_app::App;
use kartei_protocol::commands::Commands;
use kartei_protocol::desktop::{
    MergeCounts, MergeField, MergePreview, MergeProfiles, MergeSeen, MergeSide, PreviewMerge,
};
use kartei_protocol::problem::{Problem, ProblemCode};
use serde_json::{Value, json};

use crate::Done;
use crate::output::Output;
use crate::show::number;

/// Characters of a value that are shown: it is there to be recognised.
const SHOWN_CHARS_MAX: usize = 60;

pub(crate) fn run(
    app: &App,
    asked: PreviewMerge,
    yes: bool,
    output: &Output,
) -> Result<Done, Problem> {
    let preview = app.preview_merge(asked.clone())?;
    let is_blocked = !preview.obstacles.is_empty();
    if !output.json() {
        output.lines(&lines(&preview))?;
    }
    if is_blocked || !(yes || (!output.json() && confirmed(&preview)?)) {
        if output.json() {
            output.value(&json!({ "preview": preview, "done": null }))?;
        } else if !is_blocked {
            output.lines(&["Nothing was changed; --yes merges them.".to_owned()])?;
        }
        return Ok(if is_blocked { Done::Failed } else { Done::Whole });
    }
    let seen = MergeSeen { kept: preview.kept.hash.clone(), merged: preview.merged.hash.clone() };
    let PreviewMerge { kept, merged, choices } = asked;
    let done = app.merge_profiles(MergeProfiles { kept, merged, choices, seen: Some(seen) })?;
    if output.json() {
        output.value(&json!({ "preview": preview, "done": done }))?;
    } else {
        let text = format!(
            "{} was merged into {}; `kartei undo` takes it back",
            preview.merged.id, preview.kept.id
        );
        output.lines(&[text])?;
    }
    Ok(Done::Whole)
}

fn lines(preview: &MergePreview) -> Vec<String> {
    let side = |one: &MergeSide| {
        let name = one.display_name.as_deref().unwrap_or("–");
        format!("{}  {name}  {}", one.id, counts(&one.counts))
    };
    let mut lines = vec![
        format!("kept    {}", side(&preview.kept)),
        format!("merged  {}", side(&preview.merged)),
        format!("after   {}  {}", preview.kept.id, counts(&preview.after)),
    ];
    lines.extend(preview.fields.iter().filter(|field| field.kept != field.merged).map(field));
    lines.extend(preview.obstacles.iter().map(|one| format!("✕ {}", one.reason)));
    lines
}

fn counts(counts: &MergeCounts) -> String {
    format!(
        "{} attributes, {} tags, {} observations, {} attachments",
        number(counts.attributes),
        number(counts.tags),
        number(counts.observations),
        number(counts.attachments)
    )
}

fn field(field: &MergeField) -> String {
    let mark = if field.choice { "▲" } else { " " };
    format!(
        "{mark} {}: {} | {} → {}",
        field.pointer,
        shown(field.kept.as_ref()),
        shown(field.merged.as_ref()),
        shown(field.after.as_ref())
    )
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "–".to_owned(),
        Some(Value::String(text)) => text.replace(char::is_control, " "),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Asks a person; without a terminal there is nobody to ask.
fn confirmed(preview: &MergePreview) -> Result<bool, Problem> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(false);
    }
    let failed = |e| Problem::new(ProblemCode::Internal, format!("the terminal fails: {e}"));
    eprint!("Merge {} into {}? [y/N] ", preview.merged.id, preview.kept.id);
    std::io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
