//! `--instructions`: how many instructions the server executes for one `GET /api/notes`, counted by
//! callgrind. The number depends on the program and not on the machine's load. It is compared with the stored
//! one and fails nothing.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::bench::Bench;
use crate::client::{Call, Client};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::serve;

/// Requests before the count, so that statements are prepared, and each token's use is written down.
const WARM_UP: usize = 500;
/// Requests that are counted.
const COUNTED: usize = 1000;

/// Counts and compares.
///
/// # Errors
/// Those of the server and of valgrind.
pub async fn run(mut options: Options) -> Outcome<bool> {
    (options.tenants, options.users) = (options.tenants.min(20), options.users.min(5));
    let mut bench = Bench::prepare(options).await?;
    bench.make_sessions().await?;
    let options = bench.options.clone();
    let dump = options.folder.join("callgrind.out");
    let valgrind: Vec<String> = [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        &format!("--callgrind-out-file={}", dump.display()),
    ]
    .map(str::to_owned)
    .into();
    // A delay of the slow server is no failure.
    let server =
        serve::start(&options, &bench.sealer, "counted", &[("NODE_TIMEOUT", "30")], &valgrind).await?;
    let client = Client::with_timeout(
        &server.base,
        std::net::Ipv4Addr::LOCALHOST,
        std::time::Duration::from_secs(60),
    )?;
    let tokens = bench.tokens();
    let ask = async |count: usize| {
        for bearer in tokens.iter().cycle().take(count) {
            let call = Call::new("GET", "/api/notes").header("authorization", bearer);
            client.send(call).await.expect(200, "GET /api/notes")?;
        }
        Outcome::Ok(())
    };
    ask(WARM_UP).await?;
    let pid = server.pid().to_string();
    control(&["-i", "on", &pid]).await?;
    ask(COUNTED).await?;
    control(&["-i", "off", &pid]).await?;
    control(&["-d", &pid]).await?;
    server.stop().await?;
    let counted = instructions_in(&options.folder)? / COUNTED as u64;
    bench.stop().await?;
    compare(&options, counted)?;
    Ok(true)
}

async fn control(arguments: &[&str]) -> Outcome<()> {
    let mut command = Command::new("callgrind_control");
    let output = command.args(arguments).stdin(Stdio::null()).output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("callgrind_control: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// The sum of all dumps: each has a line with its total.
fn instructions_in(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("callgrind.out") {
            let text = std::fs::read_to_string(entry.path())?;
            let totals = text
                .lines()
                .filter_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
            sum += totals.filter_map(|number| number.trim().parse::<u64>().ok()).max().unwrap_or(0);
        }
    }
    if sum == 0 {
        return Err("callgrind counted nothing".into());
    }
    Ok(sum)
}

/// Prints the number beside the stored one for the same kind of database: a file with lines `kind number`.
fn compare(options: &Options, counted: u64) -> Outcome<()> {
    let kind = if options.citus() { "citus" } else { "plain" };
    let text = std::fs::read_to_string(&options.stored).unwrap_or_default();
    let stored: Option<u64> =
        text.lines().find_map(|line| line.strip_prefix(kind)?.trim().parse::<u64>().ok());
    // There are so many tokens that each is looked up again.
    println!("GET /api/notes with its session's lookup, {kind}: {counted} instructions a request");
    match stored {
        Some(stored) => {
            let percent = 100.0 * (counted as f64 / stored as f64 - 1.0);
            println!("stored in {}: {stored}; {percent:+.1} %", options.stored.display());
        }
        None => println!("none is stored in {}", options.stored.display()),
    }
    if options.store {
        let others = text.lines().filter(|line| !line.starts_with(&format!("{kind} ")));
        let lines: Vec<String> = others.map(str::to_owned).chain([format!("{kind} {counted}")]).collect();
        std::fs::write(&options.stored, lines.join("\n") + "\n")?;
    }
    Ok(())
}
