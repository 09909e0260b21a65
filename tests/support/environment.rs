//! The environment variables by which bin/test describes its servers and programs.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The superuser's URL of the throw-away database.
pub fn database_url() -> String {
    variable("TEST_DATABASE_URL").unwrap_or_else(|| panic!("TEST_DATABASE_URL is not set: run bin/test"))
}

/// The addresses of the Citus nodes, the coordinator first; empty on plain PostgreSQL.
pub fn citus_nodes() -> Vec<String> {
    variable("TEST_CITUS_NODES")
        .map(|nodes| nodes.split(',').map(|node| node.trim().to_owned()).collect())
        .unwrap_or_default()
}

pub fn on_citus() -> bool {
    !citus_nodes().is_empty()
}

/// Reports that the calling test is skipped and why: on standard error, and to bin/test, which lists skipped
/// tests at its end.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("*** SKIPPED, as {why}: {test}");
    if let Some(list) = variable("TEST_SKIPPED") {
        let mut list =
            OpenOptions::new().create(true).append(true).open(list).expect("the list of skipped tests");
        // One write call, since tests append concurrently.
        list.write_all(format!("{why}\t{test}\n").as_bytes()).expect("a line");
    }
}

/// The folder of initdb and postgres, for tests with their own server.
pub fn postgres_bin() -> PathBuf {
    if let Some(folder) = variable("TEST_PG_BIN_DIR") {
        return PathBuf::from(folder);
    }
    (13..=18)
        .rev()
        .map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")))
        .find(|folder| folder.join("initdb").exists())
        .expect("no PostgreSQL found: run bin/test")
}

/// The program that starts RabbitMQ, if it is installed.
pub fn rabbitmq_server() -> Option<PathBuf> {
    variable("TEST_RABBITMQ_SERVER").map(PathBuf::from)
}

/// The folder of schemathesis, if bin/test could install it.
pub fn schemathesis() -> Option<PathBuf> {
    variable("TEST_SCHEMATHESIS").map(PathBuf::from)
}

/// The script of axe-core, if bin/test could install it.
pub fn axe() -> Option<PathBuf> {
    variable("TEST_AXE").map(PathBuf::from)
}
