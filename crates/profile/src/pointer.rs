//! JSON pointers (RFC 6901).

/// Escapes one member name for use in a pointer.
#[must_use]
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Splits a pointer into member names; `None` where it is not one.
#[must_use]
pub fn parse(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    rest.split('/').map(unescape).collect()
}

fn unescape(part: &str) -> Option<String> {
    let mut name = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        if c != '~' {
            name.push(c);
            continue;
        }
        match chars.next() {
            Some('0') => name.push('~'),
            Some('1') => name.push('/'),
            _ => return None,
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_and_tildes_survive() {
        let pointer = format!("/attributes/{}", escape("a/b~c"));
        assert_eq!(pointer, "/attributes/a~1b~0c");
        assert_eq!(parse(&pointer), Some(vec!["attributes".to_owned(), "a/b~c".to_owned()]));
        assert_eq!(parse("/a/~2"), None, "~2 is no escape");
        assert_eq!(parse("a"), None, "a pointer begins with a slash");
    }
}
