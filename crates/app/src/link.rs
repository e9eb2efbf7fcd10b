//! Links that other programs open: `kartei://profile/<id>`, `kartei://result/<id>`.
//!
//! Anybody can put such a link into a page or a mail, so it can do one thing only, which is to show
//! something that is here already, and it is read strictly: what is not exactly of this form leads
//! nowhere.

use kartei_protocol::problem::{Problem, ProblemCode};
use percent_encoding::percent_decode_str;

/// The scheme, as the desktop's menu entry registers it.
const SCHEME: &str = "kartei://";

/// The longest id has 128 characters, each of which may be written as three.
const LINK_BYTES_MAX: usize = 512;

/// Characters of a profile's id at most, as in `user_profile.v1`.
const ID_CHARS_MAX: usize = 128;

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// To a profile, of which it is not known whether it is here.
    Profile(String),
    /// To the result of an analysis, which the relay gives to those who may see it.
    Result(String),
}

impl Link {
    /// Reads a link. The problem does not repeat it: it may be anybody's text.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let wrong =
            |why: &str| Problem::new(ProblemCode::InvalidRequest, format!("the link {why}"));
        if text.len() > LINK_BYTES_MAX {
            return Err(wrong("is too long to be one of Kartei's"));
        }
        // Systems may change the case of a scheme and a host, never that of a path.
        let (scheme, rest) = text.split_at_checked(SCHEME.len()).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(wrong("is not one of Kartei's"));
        }
        let (kind, id) = rest.split_once('/').unwrap_or((rest, ""));
        let (of, what): (fn(String) -> Self, _) = match kind.to_ascii_lowercase().as_str() {
            "profile" => (Self::Profile, "names no profile"),
            "result" => (Self::Result, "names no result"),
            _ => return Err(wrong("leads to something that this version of Kartei does not have")),
        };
        let id = percent_decode_str(id).decode_utf8().map_err(|_| wrong("is no text"))?;
        if is_id(&id) { Ok(of(id.into_owned())) } else { Err(wrong(what)) }
    }
}

/// Whether a record could have this id. A schema that allows more would be another version.
fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || "._:@-".contains(c))
        && text.len() <= ID_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Option<String> {
        match Link::parse(text).ok()? {
            Link::Profile(id) => Some(id),
            Link::Result(_) => None,
        }
    }

    #[test]
    fn a_link_names_a_result() {
        let link = Link::parse("kartei://result/result-0190f1").unwrap();
        assert_eq!(link, Link::Result("result-0190f1".to_owned()));
        assert!(Link::parse("kartei://result/../profile").is_err());
        assert!(Link::parse("kartei://results/a").is_err());
    }

    #[test]
    fn a_link_names_a_profile() {
        let cases = [
            ("kartei://profile/anna-keller", "anna-keller"),
            ("kartei://profile/a%40b.example%3A1", "a@b.example:1"),
            ("kartei://profile/a@b.example:1", "a@b.example:1"),
            ("KARTEI://Profile/Anna", "Anna"),
        ];
        for (text, id) in cases {
            assert_eq!(profile(text).as_deref(), Some(id), "{text}");
        }
        let longest = "x".repeat(ID_CHARS_MAX);
        assert_eq!(profile(&format!("kartei://profile/{longest}")), Some(longest));
    }

    #[test]
    fn what_is_not_exactly_of_this_form_leads_nowhere() {
        let cases = [
            "",
            "kartei:",
            "kartei://",
            "kartei:profile/a",
            "kartei://profile",
            "kartei://profile/",
            "kartei://profile/a/",
            "kartei://profile/a/b",
            "kartei://profile/a%2Fb",
            "kartei://profile/..%2Fb",
            "kartei://profile/a?x=1",
            "kartei://profile/a#b",
            "kartei://profile/a%00",
            "kartei://profile/a%",
            "kartei://profile/%FF",
            "kartei://profile/%C3%A9",
            "kartei://profile/a b",
            "kartei://user@profile/a",
            "kartei://profile:80/a",
            "kartei://result/a/b",
            "https://profile/a",
            " kartei://profile/a",
            "kärtei://profile/a",
        ];
        for text in cases {
            assert!(Link::parse(text).is_err(), "{text}");
        }
        assert_eq!(profile(&format!("kartei://profile/{}", "x".repeat(129))), None);
    }

    #[test]
    fn the_problem_does_not_repeat_a_text_of_anybodys() {
        let problem = Link::parse("kartei://profile/SECRET VALUE").unwrap_err();
        assert!(!problem.message.contains("SECRET"), "{problem}");
    }
}
