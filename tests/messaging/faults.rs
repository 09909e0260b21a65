//! A short run of `bin/faults`.

use crate::support::faults::{Options, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_any_process_loses_and_duplicates_no_acknowledged_note() {
    let report = run(Options { notes: 300, seconds: 25, writers: 8, broker: true, citus: true }).await;
    println!("{report}");
    assert!(report.holds(), "{report}");
    assert!(report.acknowledged > 0, "{report}");
}
