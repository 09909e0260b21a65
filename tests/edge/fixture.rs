//! Sockets with an address of their own, and the memory of a server.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::server::{Server, ServerBuilder};
use crate::support::{App, TIMEOUT, spawn_app};

pub const STRANGER: &str = "127.0.0.66";
pub const OTHER: &str = "127.0.0.7";
pub const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server with the limits that the program has by default, and those that `builder` gives it.
pub async fn server(settings: &[(&str, &str)]) -> (Server, App) {
    start(ServerBuilder::new(), settings).await
}

/// The same with its console, whose metrics count the connections of this server alone.
pub async fn server_with_console() -> (Server, App, App) {
    let (server, app) = start(ServerBuilder::new().with_console(), &[]).await;
    let console = App::console_of(&server);
    (server, app, console)
}

async fn start(builder: ServerBuilder, settings: &[(&str, &str)]) -> (Server, App) {
    spawn_app().await;
    let defaults = builder.without("CONNECTIONS_PER_ADDRESS").without("MEMORY_BUDGET");
    let builder = settings.iter().fold(defaults, |builder, (name, value)| builder.set(name, *value));
    let server = builder.start_async().await;
    let app = App::of(&server);
    (server, app)
}

/// A connection from `source`; with a short buffer for what the server sends.
pub async fn connect(source: &str, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a short buffer");
    let source: IpAddr = source.parse().expect("an address");
    socket.bind((source, 0).into()).expect("a port");
    socket.connect(address).await.expect("a connection")
}

/// The same, with `bytes` sent.
pub async fn send(source: &str, address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(source, address).await;
    stream.write_all(bytes).await.expect("a request or a part of one");
    stream
}

/// The beginning of what the server sends, or nothing when it closes the connection.
pub async fn first_bytes(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 12];
    let read = timeout(TIMEOUT, stream.read(&mut buffer)).await.expect("an answer or the end");
    String::from_utf8_lossy(&buffer[..read.unwrap_or_default()]).into_owned()
}

/// What the server sends until it closes the connection.
pub async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut answer)).await.expect("the end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a request from `source` and gives what comes until the connection is closed.
pub async fn exchange(source: &str, address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(source, address).await;
    let _ = stream.write_all(request).await;
    until_closed(&mut stream).await
}

/// Fails unless a client from another address is served.
pub async fn assert_others_are_served(address: SocketAddr) {
    let mut stream = send(OTHER, address, LIVEZ).await;
    assert_eq!(first_bytes(&mut stream).await, "HTTP/1.1 200");
}

/// The memory of a process in RAM, in MiB.
pub fn resident_mib(pid: i32) -> u64 {
    memory_mib(pid, "VmRSS")
}

/// The most memory in RAM that a process ever had, in MiB.
pub fn peak_mib(pid: i32) -> u64 {
    memory_mib(pid, "VmHWM")
}

fn memory_mib(pid: i32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find(|line| line.starts_with(name)).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}
