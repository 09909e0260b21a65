//! Compressed answers, as every browser asks for them.

use crate::support::{Call, Person, spawn_app};

#[tokio::test]
async fn a_compressed_page_has_the_same_headers() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    for path in ["/dashboard", "/notes", "/nothing"] {
        let plain = browser.copy().get(path).await;
        let call = Call::new("GET", path).header("accept-encoding", "gzip");
        let packed = browser.copy().answer(call).await;
        assert_eq!(packed.status, plain.status);
        for name in ["content-type", "content-security-policy", "cache-control"] {
            assert_eq!(packed.header(name), plain.header(name), "{name} of {path}");
        }
    }
}
