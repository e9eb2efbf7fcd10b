//! NDJSON, plain and in gzip.

use std::io::Write;

use flate2::{Compression, GzBuilder};

use crate::error::Error;
use crate::sink::Sink;
use crate::source::{Feed, Source};

/// Level of gzip: zlib's own default. Higher levels take several times as long for some per cent.
pub const GZIP_LEVEL: u32 = 6;

/// Exactly the records, each with a line feed.
pub(crate) fn write_plain<S: Source>(
    feed: &mut Feed<'_, S>,
    out: &mut impl Write,
) -> Result<(), Error<S::Error>> {
    feed.each(|position, record| {
        if record.bytes().any(|byte| byte == b'\n') {
            let byte = record.find('\n').map_or(0, |i| i + 1);
            return Err(Error::Record { position, byte, reason: "a line feed" });
        }
        out.write_all(record.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|source| Error::Write { profiles: position - 1, source })
    })
}

/// The same in one gzip member without name and time, so that equal records give equal bytes.
pub(crate) fn write_gzip<S: Source, W: Write>(
    feed: &mut Feed<'_, S>,
    sink: &mut Sink<W>,
) -> Result<(), Error<S::Error>> {
    let mut encoder = GzBuilder::new().mtime(0).write(sink, Compression::new(GZIP_LEVEL));
    if let Err(error) = write_plain(feed, &mut encoder) {
        encoder.get_mut().close();
        return Err(error);
    }
    let finished = encoder.try_finish();
    if let Err(source) = finished {
        encoder.get_mut().close();
        return Err(Error::Write { profiles: feed.profiles(), source });
    }
    Ok(())
}
