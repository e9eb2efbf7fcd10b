//! Links of Markdown: each leads to a file of the repository, and to a heading in it where it names one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Finds each link outside of code and lets `change` say what stands there instead: it is given the words
/// and the address, and answers the whole link anew, or nothing to leave it. Answers the text.
pub(super) fn rewrite(text: &str, mut change: impl FnMut(&str, &str) -> Option<String>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut in_block = false;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        if in_block || is_fence {
            written.push_str(line);
            continue;
        }
        let mut rest = line;
        let mut copied = line;
        while let Some((at, link)) = next_link(rest) {
            let start = line.len() - rest.len() + at;
            let from = line.len() - copied.len();
            rest = rest.get(at + link.whole.len()..).unwrap_or_default();
            if let Some(new) = change(link.words, link.address) {
                written.push_str(line.get(from..start).unwrap_or_default());
                written.push_str(&new);
                copied = rest;
            }
        }
        written.push_str(copied);
    }
    written
}

struct Link<'a> {
    whole: &'a str,
    words: &'a str,
    address: &'a str,
}

/// The first `[words](address)` of a line that is not in inline code, with where it begins.
fn next_link(line: &str) -> Option<(usize, Link<'_>)> {
    let mut in_code = false;
    for (at, letter) in line.char_indices() {
        match letter {
            '`' => in_code = !in_code,
            '[' if !in_code => {
                let whole = line.get(at..)?;
                let Some(middle) = whole.find("](") else { continue };
                let words = whole.get(1..middle)?;
                // Brackets that are none of a link come before it: the link begins at the last one.
                if words.replace("[x]", "").contains('[') {
                    continue;
                }
                let Some(length) = whole.get(middle..)?.find(')') else { continue };
                let address = whole.get(middle + 2..middle + length)?;
                let whole = whole.get(..=middle + length)?;
                return Some((at, Link { whole, words, address }));
            }
            _ => {}
        }
    }
    None
}

/// Whether an address leads out of the repository.
pub(super) fn is_outside(address: &str) -> bool {
    address.contains("://") || address.starts_with("mailto:") || address.starts_with("kartei:")
}

/// The file that `address` in the file `from` leads to, by its path in the repository, and the heading.
pub(super) fn target<'a>(from: &str, address: &'a str) -> (String, Option<&'a str>) {
    let (path, heading) = match address.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (address, None),
    };
    if path.is_empty() {
        return (from.to_owned(), heading);
    }
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let mut resolved = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir if resolved.pop() => {}
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    (resolved.to_string_lossy().replace('\\', "/"), heading)
}

/// The anchors of a page's headings, as both forges and mdBook make them.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut in_block = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        in_block ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_block || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::{anchors, rewrite, target};

    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        rewrite(text, |words, address| {
            all.push(format!("{words}: {address}"));
            None
        });
        all
    }

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "a [b](c.md), `[no](no.md)` and ![d](e.png)\n```sh\n[no](no)\n```\n[f](#g) [h] [i](j)\n";
        assert_eq!(found(text), ["b: c.md", "d: e.png", "f: #g", "i: j"]);
    }

    #[test]
    fn a_link_is_written_anew_and_everything_else_stays() {
        let text = "x [a](1) y [b](2) z [c](3)\n";
        let new = rewrite(text, |words, at| (at != "1").then(|| format!("<{words}>")));
        assert_eq!(new, "x [a](1) y <b> z <c>\n");
    }

    #[test]
    fn addresses_are_paths_of_the_repository() {
        assert_eq!(
            target("docs/adr/1.md", "../relay.md#numbers"),
            ("docs/relay.md".into(), Some("numbers"))
        );
        assert_eq!(target("docs/a.md", "#b"), ("docs/a.md".into(), Some("b")));
        assert_eq!(target("README.md", "docs/a.md"), ("docs/a.md".into(), None));
        assert_eq!(target("docs/a.md", "../../x"), ("../x".into(), None));
    }

    #[test]
    fn anchors_are_those_of_forges() {
        let made = anchors("# A `b`: c, d?\n```\n# no\n```\n## Ü-x\n## Ü-x\n#no\n");
        assert_eq!(made.into_iter().collect::<Vec<_>>(), ["a-b-c-d", "ü-x", "ü-x-1"]);
    }
}
