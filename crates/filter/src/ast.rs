//! What a filter means, once it is parsed.

/// A filter: a tree of terms.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of these; the empty list holds for everything.
    All(Vec<Expr>),
    /// At least one of these.
    Any(Vec<Expr>),
    /// What the inner one does not hold for.
    Not(Box<Expr>),
    /// A single condition.
    Term(Term),
}

/// A single condition on a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// `tag:vip`: has a tag that fits.
    Tag(Pattern),
    /// `id:cdnow-*`: the id fits.
    Id(Pattern),
    /// `name:"Anna*"`: the display name fits.
    Name(Pattern),
    /// `status:conflict`.
    Status(Status),
    /// `has:city`: has that attribute, whatever its value (null too).
    Has(String),
    /// `attributes.city:"Bern"`, `age>=30`, `vip=true`.
    Attribute {
        /// The attribute's key, exactly as in records.
        key: String,
        /// How its value is compared.
        comparison: Comparison,
        /// With what.
        operand: Operand,
    },
    /// `observed:order_value`, `observed:order_value>100`: has an observation of that signal (whose
    /// value compares so).
    Observed {
        /// The signal's name.
        signal: String,
        /// How the value of one of its observations compares; `None`: any observation will do.
        test: Option<(Comparison, f64)>,
    },
    /// `after:2026-01-01`: has an observation at that instant or later. Milliseconds since 1970.
    After(i64),
    /// `before:2026-01-01`: has an observation before that instant. Milliseconds since 1970.
    Before(i64),
    /// `changed>=2026-01-01`: last changed in this store. Milliseconds since 1970.
    Changed(Comparison, i64),
    /// `observations>=10`: how many observations the profile has.
    Observations(Comparison, f64),
    /// `score.agreeableness>0.7`: the score of a dimension, 0 to 1, by the calibration that is active.
    Score {
        /// `DIMENSION` or `SCHEMA.DIMENSION`.
        name: String,
        /// How the score compares.
        comparison: Comparison,
        /// With what.
        value: f64,
    },
    /// Free words: all of them stand in id, name, tags, attributes or notes.
    Words {
        /// The words, folded as [`crate::words::each`] folds them; at least one.
        words: Vec<Word>,
        /// Whether they were quoted: they must follow each other in one of these texts.
        phrase: bool,
    },
}

/// One word to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Folded: lower case, without diacritics.
    pub text: String,
    /// `wor*`: any word that begins so.
    pub prefix: bool,
}

/// A text with wildcards: `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This text exactly, letter by letter.
    Exact(String),
    /// The pieces between the wildcards, in order; the first and the last are anchored (and empty
    /// where the pattern begins or ends with `*`). At least two.
    Wild(Vec<String>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `:` or `=`.
    Equal,
    /// `!=`: the field is there and differs (whatever its type).
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// What an attribute is compared with. Values of another type never compare (but differ).
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A finite number.
    Number(f64),
    /// A text; with [`Comparison::Equal`] and [`Comparison::NotEqual`] it may have wildcards, with
    /// the others it is [`Pattern::Exact`] and compared by code points.
    Text(Pattern),
    /// `true` or `false`; only equal and not equal.
    Bool(bool),
    /// `null`; only equal and not equal.
    Null,
}

/// Where a profile stands with the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing to send, nothing to decide.
    Synced,
    /// Something waits for the relay.
    Pending,
    /// A field has several values.
    Conflict,
    /// The relay refused something.
    Rejected,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Synced, Self::Pending, Self::Conflict, Self::Rejected];

    /// Its word in a filter.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Pending => "pending",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
        }
    }

    /// The status with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

impl Expr {
    /// Whether it holds for everything because it says nothing.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }

    /// What holds where both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if other.is_everything() => one,
            (one, other) if one.is_everything() => other,
            (one, other) => Self::All(vec![one, other]),
        }
    }

    /// The first score that it names: what only lists know that have an active calibration.
    #[must_use]
    pub fn score(&self) -> Option<&str> {
        self.terms().find_map(|term| match term {
            Term::Score { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Its terms, from left to right, whatever joins them.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let mut ahead = vec![self];
        std::iter::from_fn(move || {
            loop {
                match ahead.pop()? {
                    Self::All(parts) | Self::Any(parts) => ahead.extend(parts.iter().rev()),
                    Self::Not(inner) => ahead.push(inner),
                    Self::Term(term) => return Some(term),
                }
            }
        })
    }
}

impl Pattern {
    /// Whether `text` fits, letter by letter.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let pieces = match self {
            Self::Exact(wanted) => return wanted == text,
            Self::Wild(pieces) => pieces,
        };
        let [first, middle @ .., last] = pieces.as_slice() else { return false };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

impl Comparison {
    /// Whether this comparison holds for two values in this order.
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}
