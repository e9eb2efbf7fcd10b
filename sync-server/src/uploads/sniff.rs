//! What a file is, by its first bytes. It is only told: files are always sent as attachments, with the
//! browser's own guess forbidden.

/// Bytes that are looked at.
pub(super) const LOOKED_AT: u64 = 512;

/// First bytes and what they begin.
const MARKS: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
];

/// The type that the first bytes tell.
pub(super) fn sniff(first: &[u8]) -> &'static str {
    if let Some((_, kind)) = MARKS.iter().find(|(mark, _)| first.starts_with(mark)) {
        return kind;
    }
    let is_text = match std::str::from_utf8(first) {
        Ok(_) => true,
        // A character that the look cut in two.
        Err(error) => error.error_len().is_none() && first.len() as u64 >= LOOKED_AT,
    } && !first.iter().any(|byte| *byte < 0x20 && !b"\t\n\r".contains(byte));
    if !is_text || first.is_empty() {
        return "application/octet-stream";
    }
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
    {
        return "application/x-ndjson";
    }
    "text/plain"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_type() {
        let cases: [(&[u8], &str); 7] = [
            (b"", "application/octet-stream"),
            (b"\x1f\x8b\x08", "application/gzip"),
            (b"{\"a\": 1}\n{\"a", "application/x-ndjson"),
            (b"{\"a\": \n 1}", "text/plain"),
            ("grün;ä".as_bytes(), "text/plain"),
            (b"a\0b", "application/octet-stream"),
            (b"\xff\xfe", "application/octet-stream"),
        ];
        for (first, kind) in cases {
            assert_eq!(sniff(first), kind, "{first:?}");
        }
        let cut = [b"a".repeat(511), vec![0xc3]].concat();
        assert_eq!(sniff(&cut), "text/plain");
    }
}
