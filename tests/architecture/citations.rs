//! What the documents cite exists: tests by name, and files by path.

use std::collections::BTreeSet;
use std::path::Path;

use super::assert_none;
use super::items::names_after;
use super::source::{files_in, without_comments_and_literals};

const FOLDERS: &[&str] = &[
    "src/",
    "tests/",
    "benches/",
    "bin/",
    "docker/",
    "docs/",
    "migrations/",
    "packaging/",
    "static/",
    "templates/",
];

/// The words of a Markdown text that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_test_name(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    word.matches('_').count() >= 2 && word.chars().all(plain)
}

/// The cells of the column "Tests", with their line numbers.
fn cells_of_tests(text: &str) -> Vec<(usize, &str)> {
    let mut column = None;
    let mut cells = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            column = None;
            continue;
        }
        let mut row = line.split('|');
        match column {
            None => column = row.position(|cell| cell.trim() == "Tests"),
            Some(column) => cells.extend(row.nth(column).map(|cell| (index + 1, cell))),
        }
    }
    cells
}

#[test]
fn tests_cited_in_documents_exist() {
    let mut defined = BTreeSet::new();
    for (_, text) in ["src", "tests"].into_iter().flat_map(|folder| files_in(folder, "rs")) {
        let names = names_after(&without_comments_and_literals(&text), "fn");
        defined.extend(names.into_iter().map(|(name, _)| name));
    }
    let mut findings = BTreeSet::new();
    let mut cited = 0;
    for (path, text) in files_in("docs", "md") {
        for (line, cell) in cells_of_tests(&text) {
            for name in quoted(cell).filter(|word| is_test_name(word)) {
                cited += 1;
                if !defined.contains(name) {
                    findings.insert(format!("{path}:{line} cites {name}"));
                }
            }
        }
    }
    assert!(cited > 200, "only {cited} citations were found");
    assert_none(&findings, "a document cites a test that exists: after a rename, correct its citations");
}

#[test]
fn files_cited_in_documents_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = BTreeSet::new();
    for (path, text) in files_in(".", "md") {
        for (index, line) in text.lines().enumerate() {
            for cited in quoted(line) {
                let is_path = FOLDERS.iter().any(|folder| cited.starts_with(folder))
                    && !cited.contains(['*', '{', '<', '…', ' ']);
                if is_path && !root.join(cited).exists() {
                    findings.insert(format!("{path}:{} cites {cited}", index + 1));
                }
            }
        }
    }
    assert_none(&findings, "a document cites a file that exists: after a rename, correct its citations");
}
