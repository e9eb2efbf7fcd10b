//! `cargo xtask docs`: the documents as a book that can be searched, in `target/docs/book`; and the check
//! that each of their links leads somewhere.
//!
//! The book is made of the files as they lie in the repository. mdBook knows one folder only, so they are
//! copied into one, with links that lead to where they are there; what is not in the book (a schema, a
//! source) loses its link and keeps its name.

mod links;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{exec, setup};

/// Pages that stay at the root, where people look for them.
const AT_ROOT: &[&str] = &["README.md", "ARCHITECTURE.md"];

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Where the table of contents wants the decisions, which name themselves.
const DECISIONS: &str = "<!-- decisions -->";

/// Makes the book.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::mdbook(workspace)?;
    let folder = workspace.target.join("docs");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let tracked = crate::tidy::tracked_files(workspace)?;
    for path in tracked.iter().filter(|path| in_book(path).is_some()) {
        let to = folder.join("src").join(in_book(path).unwrap_or(path));
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        if path.ends_with(".md") {
            let text = fs::read_to_string(workspace.path(path))?;
            let text =
                if path == SUMMARY { with_decisions(workspace, &tracked, &text)? } else { text };
            fs::write(to, links::rewrite(&text, |words, address| rewritten(path, words, address)))?;
        } else {
            fs::copy(workspace.path(path), to)?;
        }
    }
    fs::copy(workspace.path("docs/book.toml"), folder.join("book.toml"))?;
    exec::show(workspace.command("mdbook").arg("build").arg(&folder))?;
    println!("{}", folder.join("book/index.html").display());
    Ok(())
}

/// What does not lead where it says, in all Markdown among the files, and pages that the book lacks.
pub(crate) fn broken(workspace: &Workspace, files: &[String]) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in files.iter().filter(|path| path.ends_with(".md")) {
        if let Ok(text) = fs::read_to_string(workspace.path(path)) {
            pages.insert(path.as_str(), text);
        }
    }
    let mut broken = Vec::new();
    for (path, text) in &pages {
        links::rewrite(text, |_, address| {
            if links::is_outside(address) {
                return None;
            }
            let (target, heading) = links::target(path, address);
            if !workspace.path(&target).exists() {
                broken.push(format!("{path}: `{address}` leads to no file"));
            } else if let (Some(heading), Some(page)) = (heading, pages.get(target.as_str()))
                && !links::anchors(page).contains(heading)
            {
                broken.push(format!("{path}: `{address}` leads to no heading of {target}"));
            }
            None
        });
    }
    let mut named = Vec::new();
    links::rewrite(pages.get(SUMMARY).map_or("", String::as_str), |_, address| {
        named.push(links::target(SUMMARY, address).0);
        None
    });
    for path in pages.keys().filter(|path| in_book(path).is_some() && !is_decision(path)) {
        if *path != SUMMARY && !named.iter().any(|name| name == path) {
            broken.push(format!("{path}: {SUMMARY} does not name it"));
        }
    }
    Ok(broken)
}

/// The path in the book of what is in it.
fn in_book(path: &str) -> Option<&str> {
    match path.strip_prefix("docs/") {
        Some("book.toml") => None,
        Some(inside) => Some(inside),
        None => AT_ROOT.contains(&path).then_some(path),
    }
}

fn is_decision(path: &str) -> bool {
    path.starts_with("docs/adr/")
}

/// The same link for the book, from the page `from`.
fn rewritten(from: &str, words: &str, address: &str) -> Option<String> {
    if address.is_empty() || address.starts_with('#') || links::is_outside(address) {
        return None;
    }
    let (target, heading) = links::target(from, address);
    let here = in_book(from)?;
    // A folder has no page of its own.
    let Some(there) = in_book(&target).filter(|there| there.contains('.')) else {
        return Some(words.to_owned());
    };
    let up = "../".repeat(here.matches('/').count());
    let heading = heading.map(|heading| format!("#{heading}")).unwrap_or_default();
    Some(format!("[{words}]({up}{there}{heading})"))
}

/// The table of contents with each decision below its place, by the first heading of it.
fn with_decisions(workspace: &Workspace, files: &[String], text: &str) -> Result<String> {
    let mut lines = String::new();
    for path in files.iter().filter(|path| is_decision(path)) {
        let page = fs::read_to_string(workspace.path(path))?;
        let title = page.lines().find_map(|line| line.strip_prefix("# "));
        let title = title.with_context(|| format!("{path} has no heading"))?;
        let address = path.strip_prefix("docs/").unwrap_or(path);
        lines.push_str(&format!("  - [{title}]({address})\n"));
    }
    if !text.contains(DECISIONS) {
        bail!("{SUMMARY} has no place for decisions");
    }
    Ok(text.replace(DECISIONS, lines.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn links_lead_to_where_pages_are_in_the_book() {
        let cases = [
            ("README.md", "docs/relay.md#numbers", Some("[x](relay.md#numbers)")),
            ("docs/relay.md", "../ARCHITECTURE.md", Some("[x](ARCHITECTURE.md)")),
            ("docs/adr/0001-a.md", "../relay.md", Some("[x](../relay.md)")),
            ("docs/relay.md", "../schemas/a.json", Some("x")),
            ("README.md", "docs/adr/", Some("x")),
            ("docs/relay.md", "https://example.org/", None),
        ];
        for (from, address, new) in cases {
            assert_eq!(rewritten(from, "x", address).as_deref(), new, "{from} {address}");
        }
    }
}
