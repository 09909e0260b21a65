//! HTTPS: to servers with a certificate that the machine trusts, and to no other.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::ClientUser;
use super::login::point_to;
use crate::support::spawn_app;

/// A proxy with TLS in front of the server: its port, and its certificate for `localhost`.
async fn tls_proxy(server: std::net::SocketAddr) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate breaks off.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(server).await.expect("the server");
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (port, cert.pem())
}

#[tokio::test]
async fn https_is_spoken_with_servers_that_the_machine_trusts_and_with_no_other() {
    let app = spawn_app().await;
    let (user, script) = ClientUser::logged_in(&app).await;
    script.note("over TLS").await;
    let (port, certificate) = tls_proxy(app.address).await;
    point_to(&user, &format!("https://localhost:{port}"));
    let line = user.run(&["list"]).await.expect_line(1, "is not safe");
    assert!(line.contains("certificate"), "{line}");
    user.run_with(&["login", "--server", &format!("https://localhost:{port}"), "ada"], b"password\n")
        .await
        .expect_line(1, "is not safe");
    let line = user.run_with(&["add"], b"typed").await.expect_line(1, "is not safe");
    assert_eq!(std::fs::read(super::path_in(&line)).expect("kept"), b"typed");

    let trusted = user.home.path().join("trusted.pem");
    std::fs::write(&trusted, certificate).expect("a certificate");
    let user = user.set("SSL_CERT_FILE", trusted.to_str().expect("a path"));
    assert!(user.run(&["list"]).await.expect(0).stdout.contains("over TLS"));
    // The certificate is for another name.
    point_to(&user, &format!("https://127.0.0.1:{port}"));
    user.run(&["list"]).await.expect_line(1, "is not safe");
}
