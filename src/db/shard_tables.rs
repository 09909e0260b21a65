//! The tables of a statement, and its text for those of one shard.

use std::fmt::Write;

use super::topology::{Shards, TableName};

/// What precedes the name of a table that a statement changes.
const CHANGES: [&str; 3] = ["UPDATE ", "INSERT INTO ", "DELETE FROM "];
/// What a statement that locks rows contains.
const LOCKS: [&str; 2] = ["FOR UPDATE", "FOR SHARE"];

/// The tables in braces, each with the text before it, and the text behind the last one.
fn parts(template: &str) -> (Vec<(&str, TableName)>, &str) {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        parts.push((before, (schema.to_owned(), table.to_owned())));
        rest = after;
    }
    (parts, rest)
}

/// The tables in which a statement changes or locks rows.
pub(super) fn changed(template: &str) -> Vec<TableName> {
    let locks = LOCKS.iter().any(|lock| template.contains(lock));
    let is_changed = |before: &str| locks || CHANGES.iter().any(|change| before.ends_with(change));
    parts(template).0.into_iter().filter(|(before, _)| is_changed(before)).map(|(_, table)| table).collect()
}

/// The text of a statement for the tenant's shard of each table in braces; none when a table has no known
/// shard.
pub(super) fn text(template: &str, shards: &Shards) -> Option<String> {
    let (parts, rest) = parts(template);
    let mut text = String::with_capacity(template.len());
    for (before, table) in parts {
        let shard = shards.by_table.get(&table)?;
        let _ = write!(text, "{before}{}.{}_{shard}", table.0, table.1);
    }
    Some(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(schema: &str, name: &str) -> TableName {
        (schema.to_owned(), name.to_owned())
    }

    #[test]
    fn a_table_in_braces_becomes_its_shard() {
        let by_table = [
            (table("public", "notes"), 11),
            (table("public", "sessions"), 13),
            (table("shared", "users"), 14),
        ];
        let shards = Shards { by_table: by_table.into(), ..Shards::default() };
        assert_eq!(shards.anchor(), 11);
        assert_eq!(
            text("SELECT 1 FROM {sessions} s JOIN {shared.users} u ON true", &shards).as_deref(),
            Some("SELECT 1 FROM public.sessions_13 s JOIN shared.users_14 u ON true")
        );
        assert_eq!(text("SELECT 1 FROM {outbox}", &shards), None);
    }

    #[test]
    fn the_changed_tables_are_those_that_a_statement_writes_or_locks() {
        let (notes, tenants) = (table("public", "notes"), table("shared", "tenants"));
        for (template, expected) in [
            ("UPDATE {notes} n SET title = '' FROM {shared.tenants} t", vec![notes.clone()]),
            ("INSERT INTO {shared.tenants} (name) SELECT title FROM {notes}", vec![tenants.clone()]),
            (
                "WITH gone AS (DELETE FROM {shared.tenants}) UPDATE {notes} SET title = ''",
                vec![tenants.clone(), notes.clone()],
            ),
            ("SELECT 1 FROM {notes} n JOIN {shared.tenants} t ON true FOR SHARE", vec![notes, tenants]),
            ("SELECT 1 FROM {notes}", vec![]),
        ] {
            assert_eq!(changed(template), expected, "{template}");
        }
    }
}
