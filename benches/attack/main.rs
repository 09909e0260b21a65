//! `bin/attack`: attacks a server on loopback in every way that docs/security.md says it withstands, and
//! prints what the attacks took and what other clients saw. Each attack is bounded in number and time.

mod addresses;
mod archives;
mod bodies;
mod bypasses;
mod catalogue;
#[path = "../shared/client.rs"]
mod client;
mod connections;
mod crowd;
mod directory;
mod fairness;
mod guesses;
mod held;
#[path = "../../tests/support/http.rs"]
mod http;
mod lists;
mod logins;
#[path = "../shared/machine.rs"]
mod machine;
mod memory;
mod namesakes;
mod numbers;
mod options;
#[path = "../shared/outcome.rs"]
mod outcome;
mod own_server;
mod people;
#[path = "../shared/percentile.rs"]
mod percentile;
mod probes;
mod refusals;
mod report;
#[path = "../shared/server_process.rs"]
mod server_process;
mod slow;
mod stage;
mod tally;
mod together;
#[path = "../shared/wire.rs"]
mod wire;
#[path = "../../tests/support/zip_bytes.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod zip_bytes;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use catalogue::{ATTACKS, Attack};
use options::Options;
use outcome::Outcome;
use own_server::OwnServer;
use report::Row;
use stage::{Stage, Target};

/// The longest time of one attack, with its preparation. No attack needs more.
const ATTACK_TIMEOUT: Duration = Duration::from_secs(240);

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("attack: {error}");
            return ExitCode::from(2);
        }
    };
    if options.list {
        catalogue::print_list();
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let held = runtime.block_on(async {
        tokio::select! {
            held = run(options) => held,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    });
    runtime.shutdown_background();
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("attack: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the chosen attacks one after the other. Returns whether the server held each of them.
async fn run(options: Options) -> Outcome<bool> {
    let files = machine::raise_file_limit();
    let chosen: Vec<(usize, &Attack)> =
        ATTACKS.iter().enumerate().filter(|(_, attack)| options.chooses(attack.name)).collect();
    if chosen.is_empty() {
        return Err("no attack has that name: see bin/attack --list".into());
    }
    report::print_head(&options, files);
    let mut own = if options.url.is_none() { Some(OwnServer::new(&options)?) } else { None };
    let (mut failed, mut number) = (Vec::new(), 0);
    for (index, attack) in chosen {
        number += 1;
        let row = match attack_once(&options, own.as_mut(), index, attack).await {
            Ok(row) => row,
            Err(error) => Row::broken(&error.to_string()),
        };
        row.print(attack.name);
        if !row.held() {
            failed.push(attack.name);
        }
    }
    report::print_end(number, &failed);
    Ok(failed.is_empty())
}

/// Starts the server again, so that memory that an earlier attack took is not counted twice, and attacks it.
async fn attack_once(
    options: &Options,
    own: Option<&mut OwnServer>,
    index: usize,
    attack: &Attack,
) -> Outcome<Row> {
    let Some(own) = own else {
        let stage = Arc::new(Stage::new(Target::given(options)?, index, options.factor));
        return within_time(attack, stage).await;
    };
    let target = own.start(attack.files).await?;
    let stage = Arc::new(Stage::new(target, index, options.factor));
    let row = within_time(attack, stage).await;
    let stopped = own.stop().await;
    let row = row?;
    stopped?;
    Ok(row)
}

async fn within_time(attack: &Attack, stage: Arc<Stage>) -> Outcome<Row> {
    let row = tokio::time::timeout(ATTACK_TIMEOUT, (attack.run)(stage)).await;
    row.map_err(|_| format!("not over after {} s", ATTACK_TIMEOUT.as_secs()))?
}
