//! `bin/bench`: prepares people, notes and sessions, sends load with wrk and pgbench, reads what it cost, and
//! reports. bin/bench builds this program, starts the database servers and passes them on.

mod answers;
mod bench;
mod chart;
mod circumstances;
#[path = "../shared/client.rs"]
#[allow(dead_code, reason = "bin/attack uses more of it")]
mod client;
mod cookies;
mod document;
mod edits;
mod figures;
mod goals;
#[path = "../../tests/support/http.rs"]
mod http;
mod instructions;
mod logins;
#[path = "../shared/machine.rs"]
mod machine;
mod measure;
mod meter;
mod options;
#[path = "../shared/outcome.rs"]
mod outcome;
mod password;
#[path = "../shared/percentile.rs"]
mod percentile;
mod pgbench;
mod population;
mod processor;
mod requests;
mod rounds;
mod rows;
mod scale;
mod scraped;
mod serve;
#[path = "../shared/server_process.rs"]
#[allow(dead_code, reason = "bin/attack uses more of it")]
mod server_process;
mod sessions;
#[path = "../shared/shards.rs"]
mod shards;
mod storm;
mod table;
#[path = "../shared/wire.rs"]
#[allow(dead_code, reason = "bin/attack uses more of it")]
mod wire;
mod wrk;

use std::process::ExitCode;

use options::{Mode, Options};
use outcome::Outcome;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => return failed(&error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(options) => outcome,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    });
    runtime.shutdown_background();
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => failed("some answers were wrong, so these figures are invalid"),
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(error: &str) -> ExitCode {
    eprintln!("bench: {error}");
    ExitCode::FAILURE
}

/// Gives whether all answers were right.
async fn run(options: Options) -> Outcome<bool> {
    match options.mode {
        Mode::Rows => rounds::run(options).await,
        Mode::Storm => storm::run(options).await,
        Mode::Scale => scale::run(options).await,
        Mode::Instructions => instructions::run(options).await,
    }
}
