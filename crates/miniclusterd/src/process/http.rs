//! The internal HTTP port, as far as it says whether the process lives. Source:
//! `spec/replica.md` §1.4.
//!
//! Invariants: every request is answered and its connection closed; a peer that
//! sends no whole request in time is hung up on; nothing is kept in memory but
//! the head of one request a connection.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How long a peer may take for each read.
const PATIENCE: Duration = Duration::from_secs(5);

/// No request that is answered here is longer.
const HEAD: usize = 8 * 1024;

/// Serves on `address`, `ip:port`, for as long as the process lives. (A socket
/// path is for the compute and storage ports alone.)
pub fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let body = move || {
        for stream in listener.incoming().flatten() {
            let served = std::thread::Builder::new()
                .name("http".into())
                .spawn(move || answer(stream));
            if let Err(error) = served {
                tracing::warn!(%error, "no thread for an HTTP request");
            }
        }
    };
    let listening = std::thread::Builder::new().name("http".into()).spawn(body);
    listening.map(|_| ())
}

/// Answers one request. A peer that hangs up needs no answer.
fn answer(mut stream: TcpStream) {
    let timed = stream.set_read_timeout(Some(PATIENCE));
    if let Ok(head) = timed.and_then(|()| head(&mut stream)) {
        let _ = stream.write_all(response(&head).as_bytes());
    }
}

/// The first line of a request, once its head is there.
fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let n = stream.read(&mut chunk)?;
        if n == 0 || bytes.len() > HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.extend_from_slice(&chunk[..n]);
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().next().unwrap_or_default().to_string())
}

/// The response to a request.
fn response(request: &str) -> String {
    let mut words = request.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = target.split('?').next().unwrap_or("");
    let (status, body) = match (method, path) {
        ("GET", "/api/livez") => ("200 OK", "alive\n"),
        // None of the real one's metrics exist here.
        ("GET", "/metrics") => ("200 OK", ""),
        ("PUT", "/api/opentelemetry/config" | "/api/stderr/config") => ("400 Bad Request", ""),
        ("GET", _) => ("404 Not Found", ""),
        (_, _) => ("405 Method Not Allowed", ""),
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_by_its_first_line() {
        for (request, status) in [
            ("GET /api/livez HTTP/1.1", "200"),
            ("GET /metrics?x=1 HTTP/1.1", "200"),
            ("GET /heap HTTP/1.1", "404"),
            ("PUT /api/stderr/config HTTP/1.1", "400"),
            ("POST /api/livez HTTP/1.1", "405"),
            ("", "405"),
        ] {
            let response = response(request);
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request}"
            );
            assert!(response.contains("\r\n\r\n"));
        }
    }

    #[test]
    fn a_head_that_never_ends_is_hung_up_on() {
        assert!(head(&mut &b"GET / HTTP/1.1\r\n"[..]).is_err());
        assert!(head(&mut io::repeat(b'x')).is_err());
        let whole = head(&mut &b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"[..]);
        assert_eq!(whole.unwrap(), "GET / HTTP/1.1");
    }
}
