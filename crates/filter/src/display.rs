//! Writes an expression as a text that parses to the same expression.

use std::fmt::{self, Display, Formatter, Write as _};

use kartei_profile::Instant;

use crate::ast::{Comparison, Expr, Operand, Pattern, Status, Term, Word};

const DAY_MILLIS: i64 = 86_400_000;

/// The instants that a date can say: the years 0 to 9999, in milliseconds since 1970.
const MILLIS_MIN: i64 = -62_167_219_200_000;
const MILLIS_MAX: i64 = 253_402_300_799_999;

/// The language has no word for what holds always, except for the empty text; every id fits this.
const EVERYTHING: &str = "id:*";
const NOTHING: &str = "-id:*";

/// What stands around an expression, and so whether it needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    All,
    Any,
    Not,
}

/// A text that [`crate::parse()`] reads as this expression, within the parser's limits and for what
/// the parser can make: numbers are finite, words are folded, wildcards are in no ordered
/// comparison. What only joins one part is written as that part; what joins none, within another
/// expression, as `id:*` (for all of none) or `-id:*` (for any of none).
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_everything() { Ok(()) } else { write_expr(self, Around::Nothing, f) }
    }
}

/// A text that [`crate::parse()`] reads as this term, as for [`Expr`].
impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(pattern) => write!(f, "tag:{}", Value(pattern)),
            Self::Id(pattern) => write!(f, "id:{}", Value(pattern)),
            Self::Name(pattern) => write!(f, "name:{}", Value(pattern)),
            Self::Status(status) => write!(f, "status:{status}"),
            Self::Has(key) => write!(f, "has:{}", Name(key)),
            Self::Attribute { key, comparison, operand } => {
                write!(f, "attributes.{}", Name(key))?;
                match operand {
                    Operand::Text(_) if *comparison == Comparison::Equal => f.write_char(':')?,
                    _ => write!(f, "{comparison}")?,
                }
                write!(f, "{operand}")
            }
            Self::Observed { signal, test } => {
                write!(f, "observed:{}", Name(signal))?;
                test.as_ref().map_or(Ok(()), |(comparison, value)| {
                    write!(f, "{comparison}{}", Number(*value))
                })
            }
            Self::After(millis) => write!(f, "after:{}", Date(*millis)),
            Self::Before(millis) => write!(f, "before:{}", Date(*millis)),
            Self::Changed(comparison, millis) => write!(f, "changed{comparison}{}", Date(*millis)),
            Self::Observations(comparison, count) => {
                write!(f, "observations{comparison}{}", Number(*count))
            }
            Self::Score { name, comparison, value } => {
                write!(f, "score.{name}{comparison}{}", Number(*value))
            }
            Self::Words { words, phrase } => write_words(words, *phrase, Around::Not, f),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// In quotes where it is a text that would be something else without.
impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{}", Number(*number)),
            Self::Text(Pattern::Exact(text)) => write_quoted(&[text], f),
            Self::Text(Pattern::Wild(pieces)) => write_quoted(pieces, f),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Null => f.write_str("null"),
        }
    }
}

fn write_expr(expr: &Expr, around: Around, f: &mut Formatter<'_>) -> fmt::Result {
    match expr {
        Expr::Term(Term::Words { words, phrase }) => write_words(words, *phrase, around, f),
        Expr::Term(term) => write!(f, "{term}"),
        Expr::Not(inner) => {
            f.write_char('-')?;
            write_expr(inner, Around::Not, f)
        }
        Expr::All(parts) => match parts.as_slice() {
            [] => f.write_str(EVERYTHING),
            [part] => write_expr(part, around, f),
            parts => in_parentheses(matches!(around, Around::All | Around::Not), f, |f| {
                joined(parts, " ", f, |part, f| write_expr(part, Around::All, f))
            }),
        },
        Expr::Any(parts) => match parts.as_slice() {
            [] => f.write_str(NOTHING),
            [part] => write_expr(part, around, f),
            parts => in_parentheses(around != Around::Nothing, f, |f| {
                joined(parts, " or ", f, |part, f| write_expr(part, Around::Any, f))
            }),
        },
    }
}

/// Words that need not follow each other are terms of their own in a text.
fn write_words(words: &[Word], phrase: bool, around: Around, f: &mut Formatter<'_>) -> fmt::Result {
    match words {
        [] => f.write_str(EVERYTHING),
        // In quotes: otherwise these would be keywords.
        [word] if matches!(word.text.as_str(), "and" | "or" | "not") => write!(f, "\"{word}\""),
        [word] => write!(f, "{word}"),
        words if phrase => {
            f.write_char('"')?;
            joined(words, " ", f, |word, f| write!(f, "{word}"))?;
            f.write_char('"')
        }
        words => in_parentheses(matches!(around, Around::All | Around::Not), f, |f| {
            joined(words, " ", f, |word, f| {
                write_words(std::slice::from_ref(word), false, Around::All, f)
            })
        }),
    }
}

impl Display for Word {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.prefix { "*" } else { "" })
    }
}

fn in_parentheses(
    needed: bool,
    f: &mut Formatter<'_>,
    write: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    if !needed {
        return write(f);
    }
    f.write_char('(')?;
    write(f)?;
    f.write_char(')')
}

fn joined<T>(
    parts: &[T],
    between: &str,
    f: &mut Formatter<'_>,
    mut write: impl FnMut(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            f.write_str(between)?;
        }
        write(part, f)?;
    }
    Ok(())
}

/// The name of an attribute or signal, in quotes where it needs them.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) { f.write_str(self.0) } else { write_quoted(&[self.0], f) }
    }
}

/// A pattern where numbers and texts are the same, in quotes where it needs them.
struct Value<'a>(&'a Pattern);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let pieces = match self.0 {
            Pattern::Exact(text) => return write!(f, "{}", Name(text)),
            Pattern::Wild(pieces) => pieces,
        };
        if pieces.iter().all(|piece| piece.is_empty() || is_plain(piece)) {
            joined(pieces, "*", f, |piece, f| f.write_str(piece))
        } else {
            write_quoted(pieces, f)
        }
    }
}

/// Whether nothing in it means anything to the parser, wherever a name or value may stand.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn write_quoted(pieces: &[impl AsRef<str>], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    joined(pieces, "*", f, |piece, f| {
        for c in piece.as_ref().chars() {
            if matches!(c, '"' | '\\' | '*') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        Ok(())
    })?;
    f.write_char('"')
}

/// A number as short as it can be and still be read as the same.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // With an exponent only where hundreds of digits would be the other way.
        let text = format!("{:?}", self.0);
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// Milliseconds since 1970; what no date can say is written as the first or last one that can.
struct Date(i64);

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let millis = self.0.clamp(MILLIS_MIN, MILLIS_MAX);
        let instant = Instant::from_unix_millis(millis).map_err(|_| fmt::Error)?.to_string();
        let day = instant.split('T').next().filter(|_| millis.rem_euclid(DAY_MILLIS) == 0);
        f.write_str(day.unwrap_or(&instant))
    }
}
