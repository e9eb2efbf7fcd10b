//! Words of a text, folded so that `Zürich` and `zurich` are one.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Bytes of one word at most; what is longer is no word that anybody types.
pub const BYTES_MAX: usize = 64;

/// For each ASCII byte its folded form, 0 for what separates words.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// Cuts texts into folded words. Keep one for many texts: it keeps its memory.
#[derive(Debug, Default)]
pub struct Folder {
    word: String,
}

impl Folder {
    /// Calls `found` with each word of `text`: runs of letters and digits, in lower case and without
    /// diacritics (compatibility decomposition of Unicode, marks dropped); each ideograph and kana
    /// is a word of its own. Words are cut at [`BYTES_MAX`].
    pub fn each(&mut self, text: &str, mut found: impl FnMut(&str)) {
        self.word.clear();
        if text.is_ascii() {
            for byte in text.bytes() {
                match ASCII.get(usize::from(byte)) {
                    Some(&folded) if folded != 0 => self.push(char::from(folded)),
                    _ => self.end(&mut found),
                }
            }
        } else {
            // Lower case first: a few capitals have no lower case once they are taken apart.
            for c in text.chars().flat_map(char::to_lowercase).nfkd().flat_map(char::to_lowercase) {
                self.fold(c, &mut found);
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
        if self.word.len() + c.len_utf8() <= BYTES_MAX {
            self.word.push(c);
        }
    }

    fn end(&mut self, found: &mut impl FnMut(&str)) {
        if !self.word.is_empty() {
            found(&self.word);
            self.word.clear();
        }
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
