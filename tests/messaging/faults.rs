//! A short run of `bin/faults`.

use crate::support::faults::{Options, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_every_acknowledged_note_is_there_once_and_arrives_once() {
    let report = run(Options { notes: 300, seconds: 25, writers: 8, broker: true, citus: true }).await;
    println!("{report}");
    assert!(report.holds(), "{report}");
    assert!(report.acknowledged > 0, "{report}");
}
