//! Raw bytes on a socket, for malformed requests.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{App, TIMEOUT};

/// What the server sent until it closed the connection.
pub async fn exchange(app: &App, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    // The server may refuse and close before everything is written.
    let _ = stream.write_all(request).await;
    until_closed(&mut stream).await
}

async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request with this line, the usual headers and `Connection: close`.
pub async fn request(app: &App, line: &str, headers: &str) -> String {
    let host = app.base.trim_start_matches("http://");
    let text = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    exchange(app, text.as_bytes()).await
}

/// The status of a raw answer; 0 if there is none.
pub fn status(answer: &str) -> u16 {
    answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The value of a header in a raw answer.
pub fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .find(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .unwrap_or_default()
}

/// A request whose head has arrived, and all of its body but the last three bytes.
pub struct UnfinishedRequest {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl UnfinishedRequest {
    /// `headers` are whole lines.
    pub async fn begin(app: &App, line: &str, headers: &str, body: &[u8]) -> Self {
        let host = app.base.trim_start_matches("http://");
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        let (first, rest) = body.split_at(body.len() - 3);
        let mut stream = TcpStream::connect(app.address).await.expect("a connection");
        stream.write_all(&[head.as_bytes(), first].concat()).await.expect("a head");
        Self { stream, rest: rest.to_vec() }
    }

    /// Sends the last bytes, and returns the answer.
    pub async fn finish(mut self) -> String {
        let _ = self.stream.write_all(&self.rest).await;
        until_closed(&mut self.stream).await
    }
}
