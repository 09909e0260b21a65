//! The readers of the architecture tests, on small sources whose answers are known.

use super::circles::circles_of;
use super::items::{functions_of, types_of, without_docs};
use super::paths::{Resolver, named_in};
use super::source::Source;

const ITEMS: &str = r"
/// Documented.
#[derive(Debug)]
pub struct Body {
    pub size: u64,
}

impl Body {
    type Error = ();

    pub const fn size(&self) -> u64 {
        self.size
    }
}

pub(crate) fn hidden() {}

type Alias = u64;
";

fn source(path: &str, text: &str) -> Source {
    Source::new(path, text.to_owned())
}

fn names_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> =
        named_in(&source("src/web/body.rs", text)).into_iter().map(|path| path.join("::")).collect();
    names.sort();
    names
}

#[test]
fn paths_are_read_in_groups_in_expressions_and_over_super() {
    assert_eq!(
        names_in("use crate::store::{self, users::{Account, Kind as K}, *};"),
        ["store", "store", "store::users::Account", "store::users::Kind"]
    );
    assert_eq!(
        names_in("fn f() -> super::Error { super::super::app::listen() }"),
        ["app::listen", "web::Error"]
    );
}

#[test]
fn comments_literals_visibilities_and_tests_name_nothing() {
    let nothing = r##"
        // crate::a
        /* crate::b */
        const TEXT: &str = "crate::c";
        const RAW: &[u8] = br#"" crate::d"#;
        const QUOTE: (char, u8) = ('"', b'\'');
        pub(super) fn f<'a>(text: &'a str) {}
        #[cfg(test)]
        mod tests {
            use super::*;
        }
    "##;
    assert!(names_in(nothing).is_empty(), "{:?}", names_in(nothing));
}

#[test]
fn a_circle_through_a_reexport_is_found() {
    let sources = [
        source("src/web/mod.rs", "mod body;\nmod site;\npub use site::Site;"),
        source("src/web/body.rs", "use crate::web::Site;\npub struct Body;"),
        source("src/web/site.rs", "use super::body;\npub struct Site(body::Body);"),
        source("src/app.rs", "use crate::web;\nfn f() -> web::Site {}"),
    ];
    let circles = circles_of(&Resolver::new(&sources.iter().collect::<Vec<_>>()).graph());
    let expected = "a circle of 2:\n  src/web/body.rs -> src/web/site.rs (Site)\n  src/web/site.rs -> \
                    src/web/body.rs (Body, body)";
    assert_eq!(circles, [expected]);
}

#[test]
fn functions_types_and_missing_docs_are_found() {
    let file = source("src/web/body.rs", ITEMS);
    let functions = functions_of(&file);
    assert_eq!(functions, [("size".to_owned(), 11, 3), ("hidden".to_owned(), 16, 1)]);
    let types: Vec<String> = types_of(&file).into_iter().map(|(name, _)| name).collect();
    assert_eq!(types, ["Body", "Alias"]);
    assert_eq!(without_docs(&file, &Default::default()), ["src/web/body.rs:11 pub fn size"]);
}
