//! Words of a text, folded so that `Zürich` and `zurich` are one.

use std::sync::LazyLock;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Bytes of one word at most; what is longer is no word that anybody types.
pub const BYTES_MAX: usize = 64;

/// For each byte, whether it is a letter or digit of ASCII; all other ASCII separates words.
const IS_ASCII_LETTER: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// What becomes of a character.
#[derive(Debug, Clone, Copy)]
enum Folded {
    Letter(char),
    /// It separates words.
    Gap,
    /// A mark, which is dropped.
    Nothing,
    /// Anything else: look closer.
    Several,
}

/// Characters up to this one are looked up: Latin, Greek, Cyrillic, Armenian and Hebrew, in 12 KiB.
const FREQUENT_MAX: char = '\u{5ff}';

static FREQUENT: LazyLock<Vec<Folded>> = LazyLock::new(|| {
    let folded = |c: char| {
        let mut parts = Vec::new();
        take_apart(c, |part| parts.push(part));
        parts.retain(|part| !is_combining_mark(*part));
        match parts.as_slice() {
            [] => Folded::Nothing,
            [one] if !one.is_alphanumeric() => Folded::Gap,
            [one] if letters_of(*one).is_none() && !stands_alone(*one) => Folded::Letter(*one),
            _ => Folded::Several,
        }
    };
    ('\0'..=FREQUENT_MAX).map(folded).collect()
});

/// Calls `found` with what a character is made of, in lower case, marks and all.
fn take_apart(c: char, mut found: impl FnMut(char)) {
    // Lower case first: a few capitals have no lower case once they are taken apart. The order of
    // marks is of no matter, since all of them are dropped.
    for lower in c.to_lowercase() {
        decompose_compatible(lower, |part| part.to_lowercase().for_each(&mut found));
    }
}

/// Cuts texts into folded words. Keep one for many texts: it keeps its memory.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// A text in lower case, of which words are slices: nothing is copied letter by letter.
    lower: String,
    /// The word that is being gathered, where slices will not do.
    word: String,
    /// Whether the word has reached its length: what follows is left out up to its end.
    is_full: bool,
}

impl Folder {
    /// Calls `found` with each word of `text`: runs of letters and digits, in lower case and without
    /// diacritics (compatibility decomposition of Unicode, marks dropped); each ideograph and kana
    /// is a word of its own. Words are cut at [`BYTES_MAX`].
    pub fn each(&mut self, text: &str, found: impl FnMut(&str)) {
        if text.is_ascii() {
            self.each_ascii(text, found);
        } else {
            self.each_unicode(text, found);
        }
    }

    fn each_ascii(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.lower.clear();
        self.lower.push_str(text);
        self.lower.make_ascii_lowercase();
        let is_letter = |byte: &u8| IS_ASCII_LETTER[usize::from(*byte)];
        let mut rest = self.lower.as_str();
        while let Some(start) = rest.bytes().position(|byte| is_letter(&byte)) {
            rest = &rest[start..];
            let length = rest.bytes().position(|byte| !is_letter(&byte)).unwrap_or(rest.len());
            found(&rest[..length.min(BYTES_MAX)]);
            rest = &rest[length..];
        }
    }

    fn each_unicode(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.word.clear();
        self.is_full = false;
        let frequent = FREQUENT.as_slice();
        for c in text.chars() {
            if c.is_ascii() {
                if c.is_ascii_alphanumeric() {
                    self.push(c.to_ascii_lowercase());
                } else {
                    self.end(&mut found);
                }
                continue;
            }
            match usize::try_from(u32::from(c)).ok().and_then(|c| frequent.get(c)) {
                Some(Folded::Letter(letter)) => self.push(*letter),
                Some(Folded::Gap) => self.end(&mut found),
                Some(Folded::Nothing) => {}
                Some(Folded::Several) | None => take_apart(c, |part| self.fold(part, &mut found)),
            }
        }
        self.end(&mut found);
    }

    fn fold(&mut self, c: char, found: &mut impl FnMut(&str)) {
        if is_combining_mark(c) {
            return;
        }
        if let Some(letters) = letters_of(c) {
            letters.chars().for_each(|letter| self.push(letter));
        } else if !c.is_alphanumeric() {
            self.end(found);
        } else if stands_alone(c) {
            self.end(found);
            self.push(c);
            self.end(found);
        } else {
            self.push(c);
        }
    }

    fn push(&mut self, c: char) {
        self.is_full = self.is_full || self.word.len() + c.len_utf8() > BYTES_MAX;
        if !self.is_full {
            self.word.push(c);
        }
    }

    fn end(&mut self, found: &mut impl FnMut(&str)) {
        if !self.word.is_empty() {
            found(&self.word);
            self.word.clear();
        }
        self.is_full = false;
    }
}

/// Calls `found` with each word of `text`, as [`Folder::each`] does.
pub fn each(text: &str, found: impl FnMut(&str)) {
    Folder::default().each(text, found);
}

/// Letters that Unicode does not take apart, but people do.
fn letters_of(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        _ => return None,
    })
}

/// Scripts that are written without blanks: ideographs and kana.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c), 0x3041..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0x2_0000..=0x3_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_folded() {
        let cases = [
            ("Zürich ZURICH zurich", vec!["zurich", "zurich", "zurich"]),
            ("Straße, Øre & Łódź", vec!["strasse", "ore", "lodz"]),
            ("order-2026_x", vec!["order", "2026", "x"]),
            ("e\u{301}te\u{301}", vec!["ete"]),
            ("東京タ", vec!["東", "京", "タ"]),
            ("İstanbul ΑΘΉΝΑ", vec!["istanbul", "αθηνα"]),
            ("ＦＵＬＬ ﬁne", vec!["full", "fine"]),
            ("", vec![]),
            ("-- !", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(words(&"a".repeat(1_000)), ["a".repeat(BYTES_MAX)]);
        assert_eq!(words(&"ж".repeat(1_000)), ["ж".repeat(BYTES_MAX / 2)]);
        let uneven = format!("a{}zz next", "ж".repeat(40));
        let cut = format!("a{}", "ж".repeat((BYTES_MAX - 1) / 2));
        assert_eq!(words(&uneven), [cut.as_str(), "next"], "nothing of the word follows the cut");
    }

    proptest! {
        #[test]
        fn a_folded_word_is_its_own_fold(text in ".{0,80}") {
            for word in words(&text) {
                prop_assert!(word.len() <= BYTES_MAX);
                prop_assert_eq!(words(&word), [word.clone()], "{:?}", text);
            }
        }

        #[test]
        fn ascii_takes_the_short_way_to_the_same_words(text in "[ -~]{0,80}") {
            // A letter beyond ASCII at the end, apart, makes the whole text take the long way.
            let mut long = words(&format!("{text} ж"));
            long.pop();
            prop_assert_eq!(words(&text), long);
        }
    }
}
