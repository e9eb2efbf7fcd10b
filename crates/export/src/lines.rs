//! NDJSON, plain and in gzip.

use std::io::Write;

use flate2::{Compression, GzBuilder};

use crate::error::Error;
use crate::sink::Sink;
use crate::source::{Feed, Source};

/// Level of gzip: zlib's own default.
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::{ErrorKind, Read};
    use std::ops::ControlFlow;

    use super::*;
    use crate::Batch;

    struct Endless;

    impl Source for Endless {
        type Error = Infallible;

        fn next(&mut self, batch: &mut Batch) -> Result<(), Infallible> {
            batch.push("{}");
            Ok(())
        }

        fn rewind(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[test]
    fn a_cancelled_gzip_has_no_trailer_even_where_every_byte_goes_out_at_once() {
        let mut out = Vec::new();
        let mut sink = Sink::with_buffer(&mut out, 1);
        let mut stop = |_| ControlFlow::Break(());
        let mut source = Endless;
        let stopped = write_gzip(&mut Feed::new(&mut source, &mut stop), &mut sink);
        assert!(matches!(stopped, Err(Error::Cancelled)));
        drop(sink);
        assert!(!out.is_empty(), "the header is out");
        let read = flate2::read::GzDecoder::new(&*out).read_to_end(&mut Vec::new());
        assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
