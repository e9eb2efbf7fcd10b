//! A ZIP without compression: a few small texts that every system opens, and that can be searched as
//! they lie there. The format is PKWARE's APPNOTE 6.3, the parts of version 2.0.

use kartei_protocol::desktop::DiagnosticFile;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;

/// The version of the format that a reader needs: 2.0.
const VERSION: u16 = 20;

/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;

/// 1 January 1980, the first day that the format has: when a file was made is said in it.
const FIRST_DAY: u16 = (1 << 5) | 1;

/// The bytes of an archive with these files; `Err` says which number does not fit the format.
pub(super) fn pack(files: &[DiagnosticFile]) -> Result<Vec<u8>, String> {
    let mut archive = Vec::new();
    let mut central = Vec::new();
    for file in files {
        let offset = fits(archive.len(), "the archive's size")?;
        let entry = entry(file)?;
        word(&mut archive, LOCAL_HEADER);
        archive.extend(&entry);
        archive.extend(file.name.as_bytes());
        archive.extend(file.text.as_bytes());
        word(&mut central, CENTRAL_HEADER);
        half(&mut central, VERSION);
        central.extend(&entry);
        // No comment, first disk, no attributes.
        central.extend([0; 10]);
        word(&mut central, offset);
        central.extend(file.name.as_bytes());
    }
    let start = fits(archive.len(), "the archive's size")?;
    let count = u16::try_from(files.len()).map_err(|_| "the number of files".to_owned())?;
    archive.extend(&central);
    word(&mut archive, END);
    word(&mut archive, 0);
    half(&mut archive, count);
    half(&mut archive, count);
    word(&mut archive, fits(central.len(), "the list's size")?);
    word(&mut archive, start);
    half(&mut archive, 0);
    Ok(archive)
}

/// What both headers say of a file: version, flags, method, moment, checksum, sizes, lengths.
fn entry(file: &DiagnosticFile) -> Result<Vec<u8>, String> {
    let size = fits(file.text.len(), &file.name)?;
    let name = u16::try_from(file.name.len()).map_err(|_| "a file's name".to_owned())?;
    let mut entry = Vec::new();
    for value in [VERSION, FLAGS, 0, 0, FIRST_DAY] {
        half(&mut entry, value);
    }
    for value in [crc32fast::hash(file.text.as_bytes()), size, size] {
        word(&mut entry, value);
    }
    half(&mut entry, name);
    half(&mut entry, 0);
    Ok(entry)
}

fn fits(length: usize, what: &str) -> Result<u32, String> {
    u32::try_from(length).map_err(|_| format!("{what} is more than 4 GB"))
}

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn half(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_where_the_format_has_it() {
        let file = |name: &str, text: &str| DiagnosticFile { name: name.into(), text: text.into() };
        let bytes = pack(&[file("a.txt", "hello"), file("ü.txt", "")]).unwrap();
        let at = |from: usize, length: usize| &bytes[from..from + length];
        assert_eq!(at(0, 4), b"PK\x03\x04");
        // CRC-32 of `hello`.
        assert_eq!(at(14, 4), 0x3610_a686_u32.to_le_bytes());
        assert_eq!(at(18, 8), [5, 0, 0, 0, 5, 0, 0, 0]);
        assert_eq!(at(30, 10), b"a.txthello");
        assert_eq!(at(40, 4), b"PK\x03\x04");
        let list = 40 + 30 + "ü.txt".len();
        assert_eq!(at(list, 4), b"PK\x01\x02");
        assert_eq!(at(list + 46, 5), b"a.txt");
        assert_eq!(at(list + 51 + 42, 4), 40_u32.to_le_bytes(), "where the second begins");
        let end = list + 51 + 46 + "ü.txt".len();
        assert_eq!(at(end, 4), b"PK\x05\x06");
        assert_eq!(bytes.len(), end + 22);
        assert_eq!(at(end + 10, 2), [2, 0]);
        let length = u32::try_from(end - list).unwrap();
        assert_eq!(at(end + 12, 4), length.to_le_bytes());
        assert_eq!(at(end + 16, 4), u32::try_from(list).unwrap().to_le_bytes());
    }
}
