//! What `check --worker` says of workers that are well, frozen, cut off or gone.

use crate::support::aside;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use super::fixture::MessagingFixture;
use crate::support::eventually;
use crate::support::postgres::free_port;
use crate::support::server::{Refusal, Server};

async fn check(office: &MessagingFixture, folder: &Path) -> Refusal {
    let builder = office.builder().set("DATA_DIR", folder.display().to_string()).arguments(&["--worker"]);
    aside(move || builder.spawn("check").finish()).await
}

async fn well(office: &MessagingFixture, folder: &Path) -> bool {
    check(office, folder).await.code == Some(0)
}

async fn expect_trouble(office: &MessagingFixture, folder: &Path, words: &str) {
    let said = check(office, folder).await;
    assert_eq!(said.code, Some(1), "{}", said.output);
    assert!(said.output.contains(words), "no {words:?} in {}", said.output);
}

async fn worker(office: &MessagingFixture, folder: &Path, amqp_url: &str) -> Server {
    let builder =
        office.builder().set("DATA_DIR", folder.display().to_string()).set("AMQP_URL", amqp_url).worker();
    builder.start_aside().await
}

#[tokio::test]
async fn a_worker_that_is_frozen_cut_off_or_gone_is_not_well() {
    let office = MessagingFixture::open().await;
    let (web, _) = office.web().await;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    expect_trouble(&office, folder, "no worker").await;

    let first = worker(&office, folder, "").await;
    eventually("well", async || well(&office, folder).await).await;
    let second = worker(&office, folder, "").await;
    eventually("two", async || check(&office, folder).await.output.contains("2 at work")).await;

    // What a minute of silence looks like.
    second.signal(Signal::STOP);
    let pulse = std::fs::File::options()
        .write(true)
        .open(folder.join("pulse").join(second.pid.to_string()))
        .expect("a sign of life");
    pulse.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("an old sign");
    expect_trouble(&office, folder, &format!("worker {} has not looked for messages", second.pid)).await;
    second.signal(Signal::CONT);
    eventually("well again", async || well(&office, folder).await).await;

    second.kill_aside().await;
    eventually("one", async || check(&office, folder).await.output.contains("1 at work")).await;
    assert_eq!(first.stop_aside().await, 0);
    expect_trouble(&office, folder, "is running").await;

    let nowhere = format!("amqp://pigeonhole:secret@127.0.0.1:{}/", free_port());
    let cut_off = worker(&office, folder, &nowhere).await;
    eventually("no broker", async || {
        check(&office, folder).await.output.contains("the broker cannot be reached")
    })
    .await;
    cut_off.stop_aside().await;
    web.stop_aside().await;
}
