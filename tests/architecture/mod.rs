//! Rules about the source code itself: which folder may use which, no circles between files, doc comments,
//! lengths and names. The tests read the files as text; they need no database and no server.

mod circles;
mod citations;
mod examples;
mod items;
mod paths;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use circles::{Graph, circles_of};
use paths::Resolver;
use source::Source;

/// What pages, the API and the console build on: `web` and all that `web` may use.
macro_rules! web_and_below {
    ($($more:literal),*) => {
        &[
            "web", "services", "auth", "transfer", "store", "db", "domain", "messaging", "metrics",
            "settings", $($more),*
        ]
    };
}

/// Each folder (or top-level file) of src with the folders that it may name. An arrow that is not here fails
/// `folders_use_only_the_layers_below_them`. `pages`, `api` and `admin` never name each other: what two of
/// them need belongs to `services` or `web`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("log_context", &[]),
    ("domain", &[]),
    ("markdown", &["domain"]),
    ("settings", &["domain"]),
    ("db", &["domain"]),
    ("store", &["db", "domain"]),
    ("auth", &["store", "db", "domain"]),
    ("transfer", &["store", "db", "domain"]),
    ("messaging", &["store", "db", "domain", "settings"]),
    ("metrics", &["db", "auth", "messaging"]),
    ("cluster", &["db", "domain", "settings"]),
    ("monitor", &["cluster", "db", "domain"]),
    ("services", &["auth", "store", "db", "domain", "markdown", "messaging", "transfer"]),
    ("web", &["services", "auth", "store", "db", "domain", "messaging", "metrics", "settings", "transfer"]),
    ("pages", web_and_below!("markdown")),
    ("api", web_and_below!()),
    ("admin", web_and_below!("monitor", "cluster")),
    ("maintenance", &["store", "db"]),
    ("app", web_and_below!("pages", "api")),
    ("seed", &["db", "store", "domain", "cluster", "settings"]),
    ("embedded", &["db", "store", "domain", "cluster", "settings"]),
    (
        "cli",
        web_and_below!(
            "pages",
            "api",
            "admin",
            "app",
            "monitor",
            "cluster",
            "seed",
            "embedded",
            "maintenance"
        ),
    ),
];

/// What every folder may name: the request or message that a line of the log is about.
const USED_EVERYWHERE: &str = "log_context";

const LONGEST_LINE: usize = 110;
/// A function has fewer lines than this, from its `fn` to its last brace.
const FUNCTION_LIMIT: usize = 50;
/// A file has fewer lines than this, comments included and test modules left out.
const FILE_LIMIT: usize = 400;

/// Without the crate's root, which declares all folders, and the program's, which only calls the library.
fn sources_in_folders() -> impl Iterator<Item = &'static Source> {
    source::of_src().iter().filter(|source| !source.module.is_empty())
}

/// Fails with all findings at once, so that they can be mended in one go.
#[track_caller]
fn assert_none(findings: &BTreeSet<String>, rule: &str) {
    let list: Vec<&str> = findings.iter().map(String::as_str).collect();
    assert!(list.is_empty(), "{rule} ({} findings)\n\n{}\n", list.len(), list.join("\n"));
}

#[test]
fn folders_use_only_the_layers_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut arrows: BTreeMap<(&str, &str, String), BTreeSet<String>> = BTreeMap::new();
    for source in sources_in_folders() {
        for path in paths::named_in(source) {
            if path[0] != source.folder() {
                let arrow = (source.path.as_str(), source.folder(), path[0].clone());
                arrows.entry(arrow).or_default().insert(format!("crate::{}", path.join("::")));
            }
        }
    }
    let mut findings = BTreeSet::new();
    for ((file, folder, used), names) in arrows {
        let may_use = allowed.get(folder).copied().unwrap_or_default();
        if used != USED_EVERYWHERE && !may_use.contains(&used.as_str()) {
            let names: Vec<String> = names.into_iter().collect();
            let may_use = if may_use.is_empty() { "nothing of ours".to_owned() } else { may_use.join(", ") };
            findings.insert(format!(
                "{file} uses {}: {folder} may use {may_use}; move what both need to a folder that both may \
                 use, or add the arrow to MAY_USE in tests/architecture/mod.rs with a reason",
                names.join(", ")
            ));
        }
    }
    assert_none(&findings, "a folder uses only the folders that MAY_USE names");
}

#[test]
fn the_table_of_layers_names_each_folder_and_has_no_circle() {
    let folders: BTreeSet<&str> = sources_in_folders().map(Source::folder).collect();
    let listed: BTreeSet<&str> = MAY_USE.iter().map(|(folder, _)| *folder).collect();
    let mut findings = BTreeSet::new();
    for folder in &folders - &listed {
        findings.insert(format!("src/{folder} has no row in MAY_USE: add one that says what it may use"));
    }
    for folder in &listed - &folders {
        findings.insert(format!("src has no folder or file {folder}: remove it from MAY_USE"));
    }
    let mut graph = Graph::new();
    for (folder, may_use) in MAY_USE {
        let arrows = may_use.iter().map(|used| ((*used).to_owned(), BTreeSet::from(["MAY_USE".to_owned()])));
        graph.insert((*folder).to_owned(), arrows.collect());
    }
    findings.extend(circles_of(&graph));
    assert_none(&findings, "MAY_USE has a row for each folder, and no folder uses itself over others");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources: Vec<&Source> = sources_in_folders().collect();
    let findings = circles_of(&Resolver::new(&sources).graph()).into_iter().collect();
    assert_none(
        &findings,
        "no file reaches itself by what it imports: move what both files of an arrow need to a third file",
    );
}

#[test]
fn public_items_have_doc_comments() {
    let sources = source::of_src();
    let modules = sources.iter().map(|source| (source.module.as_slice(), source)).collect();
    let findings = sources.iter().flat_map(|source| items::without_docs(source, &modules)).collect();
    assert_none(&findings, "each public item has a doc comment that says what its name does not");
}

#[test]
fn lines_are_at_most_110_characters() {
    let mut findings = BTreeSet::new();
    for (path, text) in
        ["src", "tests", "benches", "packaging"].into_iter().flat_map(|folder| source::files_in(folder, "rs"))
    {
        for (number, line) in text.lines().enumerate() {
            let length = line.chars().count();
            if length > LONGEST_LINE {
                findings.insert(format!("{path}:{} has {length} characters", number + 1));
            }
        }
    }
    assert_none(&findings, "a line has at most 110 characters");
}

#[test]
fn type_names_are_defined_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in source::of_src() {
        for (name, line) in items::types_of(source) {
            places.entry(name).or_default().push(format!("{}:{line}", source.path));
        }
    }
    places.retain(|_, places| places.len() > 1);
    let findings = places.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert_none(&findings, "one name stands for one type in all of src: say which of them each is");
}

#[test]
fn functions_and_files_are_short() {
    let mut findings = BTreeSet::new();
    for source in source::of_src() {
        let lines = source.lines_without_tests();
        if lines >= FILE_LIMIT {
            findings.insert(format!("{} has {lines} lines: split it by subject", source.path));
        }
        for (name, line, length) in items::functions_of(source) {
            if length >= FUNCTION_LIMIT {
                findings.insert(format!(
                    "{}:{line} fn {name} has {length} lines: give its parts names",
                    source.path
                ));
            }
        }
    }
    assert_none(&findings, "a function has fewer than 50 lines, and a file fewer than 400");
}
