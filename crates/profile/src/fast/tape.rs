//! A line of JSON as a flat list of nodes that point into it.

/// Where a piece of text lies: in the line, or in the tape's own buffer where it had to be written
/// anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
    own: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    True,
    False,
    Null,
    Array,
    Object,
}

/// One value, or one member's name. The children of a container follow it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// A text without quotes and escapes; a number as RFC 8785 writes it.
    pub(crate) text: Span,
    /// A text without quotes, escaped as RFC 8785 does; else the same as `text`.
    pub(crate) canonical: Span,
    /// Where the node after this one and its children is.
    pub(crate) next: u32,
}

/// Containers inside containers at most. Records have three levels; what is deeper takes the slow
/// path and is told why.
const DEPTH_MAX: usize = 8;

/// Reads lines into nodes. Keeps its buffers from line to line.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    nodes: Vec<Node>,
    own: String,
}

/// The tape together with the line that it points into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    tape: &'a Tape,
    line: &'a str,
}

impl Tape {
    /// Reads a line. `None` for everything that is not plainly I-JSON, and for what is rare: the
    /// careful reader decides then.
    pub(crate) fn read<'a>(&'a mut self, line: &'a str) -> Option<View<'a>> {
        self.nodes.clear();
        self.own.clear();
        // Positions are kept in 32 bits.
        if line.len() > u32::MAX as usize / 8 {
            return None;
        }
        let mut reader = Reader { line, bytes: line.as_bytes(), at: 0, tape: self };
        reader.skip_space();
        reader.value(0)?;
        reader.skip_space();
        if reader.at < line.len() {
            return None;
        }
        Some(View { tape: self, line })
    }

    /// A piece that was written anew, at the end of the tape's own text.
    fn own_since(&self, start: usize) -> Option<Span> {
        Some(Span {
            start: u32::try_from(start).ok()?,
            end: u32::try_from(self.own.len()).ok()?,
            own: true,
        })
    }
}

impl<'a> View<'a> {
    pub(crate) fn node(&self, at: usize) -> &'a Node {
        &self.tape.nodes[at]
    }

    pub(crate) fn text(&self, span: Span) -> &'a str {
        let from = if span.own { self.tape.own.as_str() } else { self.line };
        &from[span.start as usize..span.end as usize]
    }

    /// The nodes directly inside a container: elements, or names and values in turn.
    pub(crate) fn children(&self, at: usize) -> impl Iterator<Item = usize> + use<'a> {
        let view = *self;
        let end = self.node(at).next as usize;
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let this = next;
            (this < end).then(|| {
                next = view.node(this).next as usize;
                this
            })
        })
    }

    /// Names and values of an object.
    pub(crate) fn members(&self, at: usize) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let mut nodes = self.children(at);
        std::iter::from_fn(move || Some((nodes.next()?, nodes.next()?)))
    }
}

struct Reader<'t, 'a> {
    line: &'a str,
    bytes: &'a [u8],
    at: usize,
    tape: &'t mut Tape,
}

impl Reader<'_, '_> {
    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a line is shorter than 4 GiB")]
    fn span(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32, own: false }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a node takes at least one byte of line")]
    fn push(&mut self, kind: Kind, text: Span, canonical: Span) {
        let next = self.tape.nodes.len() as u32 + 1;
        self.tape.nodes.push(Node { kind, text, canonical, next });
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.bytes.get(self.at)? {
            b'"' => self.string(),
            b'{' => self.container(depth, Kind::Object),
            b'[' => self.container(depth, Kind::Array),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Kind::True),
            b'f' => self.word("false", Kind::False),
            b'n' => self.word("null", Kind::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<()> {
        let start = self.at;
        self.bytes[start..].starts_with(word.as_bytes()).then_some(())?;
        self.at += word.len();
        let span = self.span(start);
        self.push(kind, span, span);
        Some(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "a node takes at least one byte of line")]
    fn container(&mut self, depth: usize, kind: Kind) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        let close = if kind == Kind::Object { b'}' } else { b']' };
        let node = self.tape.nodes.len();
        self.push(kind, Span::default(), Span::default());
        self.at += 1;
        self.skip_space();
        if self.bytes.get(self.at) == Some(&close) {
            self.at += 1;
            return Some(());
        }
        loop {
            if kind == Kind::Object {
                self.skip_space();
                (self.bytes.get(self.at) == Some(&b'"')).then_some(())?;
                self.string()?;
                self.skip_space();
                (self.bytes.get(self.at) == Some(&b':')).then_some(())?;
                self.at += 1;
            }
            self.skip_space();
            self.value(depth + 1)?;
            self.skip_space();
            match self.bytes.get(self.at)? {
                b',' => self.at += 1,
                byte if *byte == close => break,
                _ => return None,
            }
        }
        self.at += 1;
        self.tape.nodes[node].next = self.tape.nodes.len() as u32;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        let start = self.at;
        self.at += plain_run(&self.bytes[start..]);
        match self.bytes.get(self.at)? {
            b'"' => {
                let span = self.span(start);
                self.at += 1;
                self.push(Kind::Text, span, span);
                Some(())
            }
            b'\\' => self.escaped(start),
            // A control character, which the careful reader refuses.
            _ => None,
        }
    }

    /// A text with escapes: once as it reads, once as RFC 8785 writes it.
    fn escaped(&mut self, start: usize) -> Option<()> {
        let text_from = self.tape.own.len();
        self.tape.own.push_str(&self.line[start..self.at]);
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    let (c, length) = escape(&self.bytes[self.at..])?;
                    self.tape.own.push(c);
                    self.at += length;
                }
                0..0x20 => return None,
                _ => {
                    let run = plain_run(&self.bytes[self.at..]);
                    self.tape.own.push_str(&self.line[self.at..self.at + run]);
                    self.at += run;
                }
            }
        }
        self.at += 1;
        let text = self.tape.own_since(text_from)?;
        let canonical_from = self.tape.own.len();
        let mut canonical = Vec::with_capacity(canonical_from - text_from + 16);
        crate::canonical::write_escaped(&self.tape.own[text_from..], &mut canonical);
        self.tape.own.push_str(std::str::from_utf8(&canonical).ok()?);
        let canonical = self.tape.own_since(canonical_from)?;
        self.push(Kind::Text, text, canonical);
        Some(())
    }

    /// Most numbers stand in the line just as RFC 8785 writes them; the others are written anew.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let negative = self.bytes[start] == b'-';
        self.at += usize::from(negative);
        let integer = self.digits();
        let leading_zero = self.bytes[self.at - integer..].first() == Some(&b'0');
        if integer == 0 || (leading_zero && integer > 1) {
            return None;
        }
        let mut fraction = 0;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            fraction = self.digits();
            (fraction > 0).then_some(())?;
        }
        let exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        let last = self.bytes[self.at - 1];
        // Up to fifteen digits, every decimal is the shortest one of its binary64; below 10^-6
        // ECMAScript writes exponents, so a fraction must not begin with many zeros.
        let is_written = !exponent
            && integer + fraction <= 15
            && (fraction == 0 || (last != b'0' && (!leading_zero || fraction <= 6)))
            && !(negative && fraction == 0 && leading_zero);
        if is_written {
            let span = self.span(start);
            self.push(Kind::Number, span, span);
            return Some(());
        }
        if exponent || (fraction == 0 && integer > 15) {
            // Rare, and with rules of their own (range, lost precision).
            return None;
        }
        let x: f64 = self.line[start..self.at].parse().ok()?;
        let number = crate::json::number(x)?;
        let from = self.tape.own.len();
        let mut written = Vec::with_capacity(24);
        crate::canonical::write_jcs(&serde_json::Value::Number(number), &mut written);
        self.tape.own.push_str(std::str::from_utf8(&written).ok()?);
        let span = self.tape.own_since(from)?;
        self.push(Kind::Number, span, span);
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }
}

/// The character of an escape and how many bytes it took.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let c = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = hex4(bytes.get(2..6)?)?;
            if !(0xD800..0xE000).contains(&first) {
                // U+0000 is refused by the careful reader.
                return char::from_u32(first).filter(|c| *c != '\0').map(|c| (c, 6));
            }
            (first < 0xDC00 && bytes.get(6..8)? == b"\\u").then_some(())?;
            let low = hex4(bytes.get(8..12)?)?;
            (0xDC00..0xE000).contains(&low).then_some(())?;
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            return char::from_u32(code).map(|c| (c, 12));
        }
        _ => return None,
    };
    Some((c, 2))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}

/// How many bytes from the start are neither a quote, a backslash nor a control character. Eight at
/// a time: a byte `b` is below `limit` where `b - limit` borrows while `b` itself has no high bit.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero_in = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
    let mut at = 0;
    while let Some(eight) = bytes.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
        let word = u64::from_le_bytes(eight);
        let quote = zero_in(word ^ (ONES * u64::from(b'"')));
        let backslash = zero_in(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quote | backslash | control;
        if found != 0 {
            // Borrows only run upwards, so the lowest mark is a true one.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|b| matches!(*b, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_run_ends_at_the_first_special_byte(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let naive =
                bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\').unwrap_or(bytes.len());
            prop_assert_eq!(plain_run(&bytes), naive);
        }
    }

    #[test]
    fn numbers_are_taken_as_they_stand_only_where_they_are_canonical() {
        for text in [
            "0",
            "-1",
            "0.5",
            "-0.5",
            "123456789012345",
            "0.000001",
            "0.0000012",
            "1.50",
            "-0",
            "-0.0",
            "1.0",
            "100",
            "0.1234567",
            "9007199254740993",
            "1e5",
            "0.1000000000000000055511151231257827",
            "12345678.1234567",
            "0.00000100",
            "10.000001",
        ] {
            let mut tape = Tape::default();
            let careful = crate::json::parse(text.as_bytes());
            match (tape.read(text), careful) {
                (Some(view), Ok(value)) => {
                    let mut out = Vec::new();
                    crate::canonical::write_jcs(&value, &mut out);
                    assert_eq!(view.text(view.node(0).canonical).as_bytes(), out, "{text}");
                }
                (Some(_), Err(error)) => panic!("{text} was read, but: {error}"),
                (None, _) => {}
            }
        }
    }
}
