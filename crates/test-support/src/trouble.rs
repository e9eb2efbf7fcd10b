//! What a server in trouble says: it reads a request whole and answers 500.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

/// The answer of an S3 server that cannot do its work just now.
const BODY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InternalError</Code>\
                    <Message>We encountered an internal error. Please try again.</Message></Error>";

/// Answers the next request of a connection, and ends it. Nothing is said where the request does not end.
pub(crate) fn answer_500(stream: &TcpStream) -> io::Result<()> {
    let mut request = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if request.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    // An answer that comes before the body's end is lost to most clients.
    io::copy(&mut request.by_ref().take(length), &mut io::sink())?;
    let mut writer = stream;
    write!(
        writer,
        "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/xml\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    )?;
    stream.shutdown(Shutdown::Write)?;
    // Closing with something unread would be a reset, and the answer could be lost with it.
    io::copy(&mut request, &mut io::sink()).map(drop)
}
