//! A server that takes requests and keeps nothing: what the load itself can do.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::Outcome;

/// Bytes in one call of the system.
const TAKEN: usize = 256 * 1024;

/// Serves until it is ended.
pub(crate) fn serve(address: SocketAddr) -> Outcome<()> {
    let listener = TcpListener::bind(address)?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        // A connection that breaks is the load's end, or told by the load.
        thread::spawn(move || discard(stream));
    }
    Ok(())
}

fn discard(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; TAKEN];
    let mut head = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => head.extend_from_slice(&buffer[..count]),
            }
        };
        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|length| length.trim().parse::<u64>().ok()).unwrap_or(0);
        let mut left = length.saturating_sub((head.len() - end) as u64);
        head.clear();
        while left > 0 {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => left = left.saturating_sub(count as u64),
            }
        }
        stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")?;
    }
}
