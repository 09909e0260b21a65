//! The rows of the table, in the order in which each round measures them.

use crate::requests::Requests;

/// The row with which reads are compared.
pub const SELECT: &str = "select";
/// The row with which writes are compared.
pub const INSERT: &str = "insert";

/// What produces the load of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// pgbench through the coordinator, or at the only server.
    Pgbench(&'static str),
    /// pgbench at each worker, on the shards' own tables.
    PgbenchOnShards,
    /// wrk at the server.
    Http(Requests),
    /// wrk at the minimal handler.
    Floor,
    /// wrk at the server without routing.
    RoutingOff(Requests),
    /// wrk at the server while pages of the console are open.
    ConsoleOpen(Requests),
    /// Logins, with another load beside them.
    Logins,
}

/// A row of the table.
#[derive(Debug)]
pub struct RowDescription {
    /// Its name for `--only` and in the JSON.
    pub name: &'static str,
    pub label: &'static str,
    /// The row that counts as 1.
    pub yardstick: Option<&'static str>,
    pub load: Load,
    /// Whether it is measured on Citus only.
    pub citus_only: bool,
}

const fn row(
    name: &'static str,
    label: &'static str,
    yardstick: Option<&'static str>,
    load: Load,
) -> RowDescription {
    RowDescription { name, label, yardstick, load, citus_only: false }
}

const fn on_citus(row: RowDescription) -> RowDescription {
    RowDescription { citus_only: true, ..row }
}

/// All rows.
pub const ROWS: &[RowDescription] = &[
    row(SELECT, "pgbench SELECT", Some(SELECT), Load::Pgbench(include_str!("list.sql"))),
    on_citus(row("shard", "pgbench SELECT at the shards", Some(SELECT), Load::PgbenchOnShards)),
    row("floor", "the floor: actix-web, same SQL", Some(SELECT), Load::Floor),
    row("api-cold", "GET /api/notes, cold", Some(SELECT), Load::Http(Requests::ApiCold)),
    row("api", "GET /api/notes", Some(SELECT), Load::Http(Requests::Api)),
    row("page-cold", "GET /notes, cold", Some(SELECT), Load::Http(Requests::PageCold)),
    row("page", "GET /notes", Some(SELECT), Load::Http(Requests::Page)),
    on_citus(row(
        "routing-off",
        "GET /api/notes, routing off",
        Some(SELECT),
        Load::RoutingOff(Requests::Api),
    )),
    row("console", "GET /api/notes, console open", Some(SELECT), Load::ConsoleOpen(Requests::Api)),
    row(INSERT, "pgbench INSERT", Some(INSERT), Load::Pgbench(include_str!("insert.sql"))),
    row("post-cold", "POST /api/notes, cold", Some(INSERT), Load::Http(Requests::PostCold)),
    row("post", "POST /api/notes", Some(INSERT), Load::Http(Requests::Post)),
    row("put", "PUT /api/notes/{id}", Some(INSERT), Load::Http(Requests::Put)),
    row("search", "GET /api/notes?q=invoice", Some(SELECT), Load::Http(Requests::Search)),
    row("note", "GET /notes/{id}", Some(SELECT), Load::Http(Requests::Note)),
    row("login", "POST /login", None, Load::Logins),
];

/// The rows that are measured, with the yardsticks of the named ones.
pub fn chosen(only: &[String], citus: bool) -> Vec<&'static RowDescription> {
    let named = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let yardsticks: Vec<&str> =
        ROWS.iter().filter(|row| named(row.name)).filter_map(|row| row.yardstick).collect();
    let measured = |row: &&RowDescription| {
        (citus || !row.citus_only) && (named(row.name) || yardsticks.contains(&row.name))
    };
    ROWS.iter().filter(measured).collect()
}
