//! The attacks, in the order in which they run.

use std::pin::Pin;
use std::sync::Arc;

use crate::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::{
    archives, bodies, bypasses, connections, directory, fairness, guesses, lists, logins, slow, together,
};

type Running = Pin<Box<dyn Future<Output = Outcome<Row>> + Send>>;

/// One attack.
pub struct Attack {
    pub name: &'static str,
    pub what: &'static str,
    /// Whether our own server starts with the soft limit of 1,024 open files that services usually have.
    pub low_files: bool,
    pub run: fn(Arc<Stage>) -> Running,
}

macro_rules! attacks {
    ($($name:literal, $low_files:literal, $function:path, $what:literal;)*) => {
        /// All attacks.
        pub const ATTACKS: &[Attack] = &[$(Attack {
            name: $name,
            what: $what,
            low_files: $low_files,
            run: |stage| Box::pin($function(stage)),
        }),*];
    };
}

attacks! {
    "unread-bodies", false, bodies::from_one_address,
        "H1: 40 strangers send the largest bodies and never read the answers";
    "unread-bodies-400", false, bodies::from_many_addresses,
        "H1: 400 clients of 40 addresses do, half of them logged in";
    "unread-lists", false, lists::unread,
        "H2: lists, searches and exports of 100 full notes, three times each, never read";
    "idle", true, connections::idle, "H3: 1,100 connections of one address, idle";
    "silent", true, connections::silent, "H3: 1,100, one request each and then silence";
    "first-head", true, connections::first_head, "H3: 1,100 first heads, a byte a second";
    "second-head", true, connections::second_head, "H3: 1,100 second heads, a byte a second";
    "silent-5000", true, connections::many_silent, "H3: 5,000, one request each and then silence";
    "second-head-5000", true, connections::many_heads, "H3: 5,000 second heads, a byte a second";
    "renewed", true, connections::renewed, "H3: 400 connections, renewed without a pause";
    "slow-bodies", false, slow::bodies, "F50: 400 bodies, a byte every two seconds";
    "slow-readers", false, slow::readers, "F50: 400 readers, a byte a second";
    "slow-import", false, slow::import_forms, "M5: 40 import forms of a member, a byte every three seconds";
    "storm-16", false, logins::storm_16,
        "H4: 16 connections log in, sign up and change passwords without a pause";
    "storm-160", false, logins::storm_160, "H4: 160 connections of one address do";
    "storm-160-addresses", false, logins::storm_160_addresses, "H4: 160 connections of 160 addresses do";
    "guesses", false, guesses::of_one_account, "A7: 40 wrong passwords of one account from one address";
    "guesses-names", false, guesses::of_many_names, "A7: 60 names with a wrong password from one address";
    "guesses-addresses", false, guesses::from_many_addresses,
        "A8: 150 wrong passwords of one account from 150 addresses";
    "squatters", false, directory::squatters,
        "H5: accounts on a victim's e-mail and name; what a wrong password tells, the victim's login";
    "zip-overlapping", false, archives::overlapping, "H6: 400 names for one text of 261,000 letters";
    "zip-entries", false, archives::entries, "H6: 65,535 names for one text";
    "zip-folders", false, archives::folders, "H6: 1,000,000 folders";
    "zip-ratio", false, archives::ratio, "H6: 4,200 files, a thousand times their packed size, 1.1 GB";
    "zip-lying", false, archives::lying, "H6: the same, whose headers say ten bytes";
    "searches", false, fairness::searches, "M4: 20 slow searches of one member at once";
    "bypasses", false, bypasses::all, "L1, L5, L6: escaped paths, two cookies, made-up tokens";
    "together", true, together::all, "H1, H2, H3 and H6 at once";
}
