//! The attacks, in the order in which they run.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::report::Row;
use crate::server_process::Files;
use crate::stage::Stage;
use crate::tally::Tally;
use crate::{
    archives, bodies, bypasses, connections, directory, fairness, guesses, held, lists, logins, namesakes,
    refusals, slow, together,
};

const QUIET: Duration = Duration::from_secs(20);

type Running = Pin<Box<dyn Future<Output = Outcome<Row>> + Send>>;

/// One attack.
pub struct Attack {
    pub name: &'static str,
    pub what: &'static str,
    /// The limit of open files with which our own server starts.
    pub files: Files,
    pub run: fn(Arc<Stage>) -> Running,
}

macro_rules! attacks {
    ($($name:literal, $files:ident, $function:path, $what:literal;)*) => {
        /// All attacks.
        pub const ATTACKS: &[Attack] = &[$(Attack {
            name: $name,
            what: $what,
            files: Files::$files,
            run: |stage| Box::pin($function(stage)),
        }),*];
    };
}

attacks! {
    "quiet", Shell, quiet, "no attack: what others see on this machine";
    "unread-bodies", Shell, bodies::from_one_address,
        "H1: 40 strangers send the largest bodies and never read the answers";
    "unread-bodies-400", Shell, bodies::from_many_addresses,
        "H1: 400 clients of 40 addresses do, half of them logged in";
    "unread-lists", Shell, lists::unread,
        "H2: lists, searches and exports of 100 full notes, three times each, never read";
    "idle", Soft, connections::idle, "H3: 1,100 connections of one address, idle";
    "silent", Soft, connections::silent, "H3: 1,100, one request each and then silence";
    "first-head", Soft, connections::first_head, "H3: 1,100 first heads, a byte a second";
    "second-head", Soft, connections::second_head, "H3: 1,100 second heads, a byte a second";
    "silent-addresses", Hard, connections::silent_addresses,
        "H3: 1,100 connections of 110 addresses, one request each and then silence; hard limit 1,024";
    "silent-5000", Soft, connections::many_silent, "H3: 5,000, one request each and then silence";
    "second-head-5000", Soft, connections::many_heads, "H3: 5,000 second heads, a byte a second";
    "renewed", Soft, connections::renewed, "H3: 400 connections, renewed without a pause";
    "slow-bodies", Shell, slow::bodies, "F50: 400 bodies, a byte every two seconds";
    "held-bodies", Shell, held::bodies,
        "H1: 400 bodies of 1.6 MB of 40 addresses, the last bytes one a second";
    "held-heads", Soft, held::heads,
        "H1, H3: 2,000 heads of 100 KB of 200 addresses, the end one byte a second";
    "held-pipelines", Shell, held::pipelines, "H1: 40 clients send 500 requests at once and never read";
    "slow-readers", Shell, slow::readers, "F50: 400 readers, a byte a second";
    "slow-import", Shell, slow::import_forms, "M5: 40 import forms of a member, a byte every three seconds";
    "storm-16", Shell, logins::storm_16,
        "H4: 16 connections log in, sign up and change passwords without a pause";
    "storm-160", Shell, logins::storm_160, "H4: 160 connections of one address do";
    "storm-160-addresses", Shell, logins::storm_160_addresses, "H4: 160 connections of 160 addresses do";
    "guesses", Shell, guesses::of_one_account,
        "A7: 40 wrong passwords of one account, by name and by e-mail, from one address";
    "guesses-names", Shell, guesses::of_many_names, "A7: 60 names with a wrong password from one address";
    "guesses-addresses", Shell, guesses::from_many_addresses,
        "A8: up to 250 wrong passwords of one account from as many addresses";
    "squat-browser", Shell, namesakes::from_a_known_browser,
        "A7: 250 wrong passwords from a browser that knows another account of the name";
    "squat-logins", Shell, namesakes::with_own_logins,
        "A8: 126 wrong passwords of 14 networks, with logins of another account of the name between them";
    "one-account", Shell, namesakes::right_logins,
        "L74: 24 connections of 12 networks log in to one account, with the right password";
    "one-account-browsers", Shell, namesakes::right_logins_of_known_browsers,
        "L74: 24 connections with 12 device cookies of one account do, behind a known person's address";
    "squatters", Shell, directory::squatters,
        "H5: accounts on a victim's e-mail and name; what a wrong password tells, the victim's login";
    "zip-overlapping", Shell, archives::overlapping, "H6: 400 names for one text of 261,000 letters";
    "zip-entries", Shell, archives::entries, "H6: 65,535 names for one text";
    "zip-folders", Shell, archives::folders, "H6: 1,000,000 folders";
    "zip-ratio", Shell, archives::ratio, "H6: 4,200 files, a thousand times their packed size, 1.1 GB";
    "zip-lying", Shell, archives::lying, "H6: the same, whose headers say ten bytes";
    "searches", Shell, fairness::searches, "M4: 20 slow searches of one member at once";
    "bypasses", Shell, bypasses::all, "L1, L5, L6: escaped paths, two cookies, made-up tokens";
    "refusals", Shell, refusals::flood, "M3: 10,000 refused requests, whose lines must not fill the log";
    "together", Soft, together::all, "H1, H2, H3 and H6 at once";
    "ten-times", Soft, together::ten_times, "H1, H2, H3 and H6 at once, each with ten times its numbers";
}

/// Without an attack the same is watched, so that a busy machine is not taken for a weak server.
async fn quiet(stage: Arc<Stage>) -> Outcome<Row> {
    let watch = stage.watch(false).await?;
    tokio::time::sleep(QUIET).await;
    Ok(watch.end(Tally::default()).await)
}

/// Prints the name of each attack, and what it does.
pub fn print_list() {
    let line = |attack: &Attack| format!("{:<24} {}", attack.name, attack.what);
    // At once, so that a reader that has seen enough does not end the program.
    println!("{}", ATTACKS.iter().map(line).collect::<Vec<_>>().join("\n"));
}
