//! A TCP proxy that can hang, reset connections, and forward again.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use url::Url;

use super::environment;

const FORWARD: u8 = 0;
const HANG: u8 = 1;
const RESET: u8 = 2;

pub struct FaultyProxy {
    /// The server's URL through this proxy.
    pub url: String,
    state: Arc<AtomicU8>,
    changed: Arc<Notify>,
}

impl FaultyProxy {
    /// A forwarding proxy to the tests' database.
    pub async fn to_database() -> Self {
        Self::to(&environment::database_url()).await
    }

    /// A forwarding proxy to the server of a URL with a port.
    pub async fn to(url: &str) -> Self {
        let mut url = Url::parse(url).expect("a URL");
        let host = url.host_str().expect("a host");
        let behind = format!("{host}:{}", url.port().expect("a port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let proxy = Self {
            url: url.into(),
            state: Arc::new(AtomicU8::new(FORWARD)),
            changed: Arc::new(Notify::new()),
        };
        let (state, changed) = (proxy.state.clone(), proxy.changed.clone());
        tokio::spawn(async move {
            loop {
                let Ok((inside, _)) = listener.accept().await else {
                    return;
                };
                let (state, changed, behind) = (state.clone(), changed.clone(), behind.clone());
                tokio::spawn(serve(inside, behind, state, changed));
            }
        });
        proxy
    }

    /// Accepts connections and never answers; existing connections hang as well.
    pub fn stop_answering(&self) {
        self.change(HANG);
    }

    /// Resets all connections, also existing ones, as when a server is killed.
    pub fn reset_connections(&self) {
        self.change(RESET);
    }

    pub fn resume(&self) {
        self.change(FORWARD);
    }

    fn change(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
        self.changed.notify_waiters();
    }
}

async fn serve(mut inside: TcpStream, behind: String, state: Arc<AtomicU8>, changed: Arc<Notify>) {
    let woken = changed.notified();
    tokio::pin!(woken);
    woken.as_mut().enable();
    if state.load(Ordering::SeqCst) == FORWARD {
        let Ok(mut outside) = TcpStream::connect(&behind).await else {
            return;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut inside, &mut outside) => return,
            () = &mut woken => {}
        }
        if state.load(Ordering::SeqCst) == HANG {
            changed.notified().await;
        }
        let _ = inside.set_zero_linger();
        return;
    }
    if state.load(Ordering::SeqCst) == HANG {
        woken.await;
    }
}
