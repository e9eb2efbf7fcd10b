//! Numbers in sentences, in both languages.

use serde_json::{Value, json};

/// The languages of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

/// A sentence in both languages, with a word for programs.
pub(crate) fn finding(
    code: &str,
    about: Option<&str>,
    count: u64,
    say: impl Fn(Language) -> String,
) -> Value {
    json!({
        "code": code,
        "about": about,
        "count": count,
        "en": say(Language::English),
        "de": say(Language::German),
    })
}

/// Which part was seen, so that nobody takes what follows for more.
pub(crate) fn sample(seen: u64, total: u64) -> Value {
    finding("sample", None, seen, |language| {
        let (some, all) = (language.whole(seen), language.whole(total));
        match language {
            Language::English => format!("So far {some} of {all} profiles were looked at."),
            Language::German => format!("Bisher wurden {some} von {all} Profilen angesehen."),
        }
    })
}

impl Language {
    fn thousands(self) -> char {
        match self {
            Self::English => ',',
            Self::German => '.',
        }
    }

    fn decimal(self) -> char {
        match self {
            Self::English => '.',
            Self::German => ',',
        }
    }

    /// A whole number: 12,345 or 12.345.
    pub(crate) fn whole(self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(self.thousands());
            }
            text.push(digit);
        }
        text
    }

    /// A number with two decimals: 0.41 or 0,41, with a minus sign where it is negative. What is rounded
    /// to nothing has no sign.
    pub(crate) fn hundredths(self, number: f64) -> String {
        let digits = format!("{:.2}", number.abs()).replace('.', &self.decimal().to_string());
        let is_negative =
            number < 0.0 && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
        if is_negative { format!("\u{2212}{digits}") } else { digits }
    }

    /// The one of a title in English and German that is in this language.
    pub(crate) fn of(self, [english, german]: [&str; 2]) -> &str {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }

    /// Several things in a sentence: "a", "a and b", "a, b and c"; nothing of none.
    pub(crate) fn list(self, things: &[String]) -> Option<String> {
        let (last, others) = things.split_last()?;
        if others.is_empty() {
            return Some(last.clone());
        }
        let and = self.of(["and", "und"]);
        Some(format!("{} {and} {last}", others.join(", ")))
    }

    /// A share in per cent with one decimal: 7.6 % or 7,6 %. What is there is never told as nothing,
    /// and what is missing never as everything.
    pub(crate) fn percent(self, count: u64, of: u64) -> String {
        let tenths = (count as f64 / of.max(1) as f64 * 1_000.0).round();
        let decimal = self.decimal();
        let space = '\u{a0}';
        if count > 0 && tenths < 1.0 {
            return format!("< 0{decimal}1{space}%");
        }
        if count < of && tenths > 999.0 {
            return format!("> 99{decimal}9{space}%");
        }
        format!("{}{decimal}{}{space}%", (tenths / 10.0).floor(), tenths % 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{English, German};

    #[test]
    fn numbers_are_written_as_people_write_them() {
        assert_eq!(
            (English.whole(2_800), German.whole(1_234_567)),
            ("2,800".into(), "1.234.567".into())
        );
        assert_eq!((English.whole(0), German.whole(999)), ("0".into(), "999".into()));
        assert_eq!(English.percent(212, 2_800), "7.6\u{a0}%");
        assert_eq!(German.percent(1, 3), "33,3\u{a0}%");
        assert_eq!(English.percent(1, 100_000), "< 0.1\u{a0}%");
        assert_eq!(English.percent(99_999, 100_000), "> 99.9\u{a0}%");
        assert_eq!(English.percent(5, 5), "100.0\u{a0}%");
        assert_eq!(German.hundredths(0.406), "0,41");
        assert_eq!(English.hundredths(-1.25), "\u{2212}1.25");
        assert_eq!(English.hundredths(-0.001), "0.00");
    }

    #[test]
    fn things_in_a_sentence() {
        let things = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(English.list(&[]), None);
        assert_eq!(English.list(&things[..1]).unwrap(), "a");
        assert_eq!(German.list(&things[..2]).unwrap(), "a und b");
        assert_eq!(English.list(&things).unwrap(), "a, b and c");
        assert_eq!((English.of(["x", "y"]), German.of(["x", "y"])), ("x", "y"));
    }
}
