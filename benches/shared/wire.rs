//! Raw requests on sockets, for clients that behave as no library does.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// A connection that the server does not accept within this time counts as refused.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The receive buffer of clients that do not read. The kernel doubles it.
const SMALL_BUFFER: u32 = 2048;

/// Connects from an address, with a small receive buffer if the client will not read.
pub async fn connect(from: Ipv4Addr, to: SocketAddr, small: bool) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if small {
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
    }
    socket.bind(SocketAddr::from((from, 0)))?;
    let refused = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    timeout(CONNECT_TIMEOUT, socket.connect(to)).await.map_err(|_| refused())?
}

/// The text of a request with a body.
pub fn request(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    [text.into_bytes(), body.to_vec()].concat()
}

/// Reads one answer with its body. Returns the status, and whether the connection can be used again.
pub async fn read_answer(stream: &mut TcpStream) -> std::io::Result<(u16, bool)> {
    let mut buffer = Vec::with_capacity(4096);
    let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(ended());
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    let status = status_of(&buffer);
    let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let Some(length) = header("content-length:").and_then(|value| value.parse::<usize>().ok()) else {
        return Ok((status, matches!(status, 204 | 304)));
    };
    while buffer.len() < head + length {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(ended());
        }
    }
    Ok((status, header("connection:") != Some("close")))
}

/// The status of the answer that lies unread in the socket's buffer; 0 if there is none.
pub async fn unread_status(stream: &mut TcpStream) -> u16 {
    let mut start = [0; 12];
    match timeout(Duration::from_millis(200), stream.read_exact(&mut start)).await {
        Ok(Ok(_)) => status_of(&start),
        _ => 0,
    }
}

/// The status in the first line of an answer.
pub fn status_of(answer: &[u8]) -> u16 {
    answer.get(9..12).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok()).unwrap_or(0)
}

/// Writes `endless`, one byte at a time with this pause, until the server closes the connection. Returns the
/// status that the server answered with, 0 for none.
pub async fn trickle(stream: &mut TcpStream, endless: u8, pause: Duration) -> u16 {
    let mut answer = Vec::new();
    loop {
        match timeout(pause, stream.read_buf(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return status_of(&answer),
            Ok(Ok(_)) => {}
            Err(_) => {
                if stream.write_all(&[endless]).await.is_err() {
                    return status_of(&answer);
                }
            }
        }
    }
}

/// Waits until the server closes the connection. Returns the status of an answer that came meanwhile.
pub async fn until_closed(stream: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    while matches!(stream.read_buf(&mut answer).await, Ok(read) if read > 0) {}
    status_of(&answer)
}
