//! `bin/faults`: kills every process in turn while users share notes, and reports what was lost.

#[allow(
    clippy::disallowed_methods,
    reason = "the benchmark uses the database and the environment without the application"
)]
#[allow(unused_imports, reason = "the tests use more of the module")]
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use support::faults::{Options, run};

fn main() -> ExitCode {
    let mut options = Options { notes: 10_000, seconds: 120, writers: 8, broker: true, citus: true };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments
                .next()
                .and_then(|value| value.parse().ok())
                .unwrap_or_else(|| panic!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--notes" => options.notes = number(),
            "--seconds" => options.seconds = number() as u64,
            "--writers" => options.writers = number(),
            "--no-broker" => options.broker = false,
            "--plain" => options.citus = false,
            // `cargo bench` adds it.
            "--bench" => {}
            _ => panic!("unknown argument {argument} (see bin/faults --help)"),
        }
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let report = runtime.block_on(run(options));
    println!("{report}");
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
