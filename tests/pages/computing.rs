//! Merges and pages of long texts: the work on a tenant's texts is bounded, and waits for its turn.

use std::cell::RefCell;

use futures_util::future::join_all;

use crate::support::server::ServerBuilder;
use crate::support::{Answer, App, Browser, Page, Person, eventually, html, spawn_app};

/// 2,000 lines, of which those from `start` are `changed` ones.
fn lines(start: usize, changed: &str) -> String {
    let line = |number: usize| {
        let kind = if (start..start + 490).contains(&number) { changed } else { "line" };
        format!("{kind} {number}\n")
    };
    (0..2_000).map(line).collect()
}

/// A text of the greatest length that repeats `piece`.
fn full(piece: &str) -> String {
    piece.repeat(256 * 1024 / piece.len())
}

/// A page of a note of this text, and how many bytes it has.
async fn shown(browser: &Browser, content: &str) -> (Page, usize) {
    let id = browser.note(content).await;
    let text = browser.get(&format!("/notes/{id}")).await.expect(200).text();
    (Page::parse(&text), text.len())
}

#[tokio::test]
async fn an_edit_that_finds_no_turn_to_be_merged_comes_back_and_other_tenants_go_on() {
    spawn_app().await;
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let neighbour = Person::founder(&app).await.script(&app).await;
    let id = script.note(&lines(0, "line")).await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let edit = serde_json::json!({ "content": lines(0, "saved") });
    script.put(&format!("/api/notes/{id}"), &edit).await.expect(200);

    let refused = RefCell::new(None::<(String, Answer)>);
    eventually("more merges than may wait", async || {
        let edits = (0..40).map(|number| {
            let text = lines(1_000, &format!("mine {number}"));
            let form = html::with_value(&form, "content", &html::as_submitted(&text));
            let (browser, path) = (browser.copy(), &path);
            async move { (text, browser.post(path, &html::as_pairs(&form)).await) }
        });
        let others = async {
            for _ in 0..5 {
                neighbour.get("/api/notes").await.expect(200);
                app.get("/livez").await.expect(200);
            }
        };
        for (text, answer) in futures_util::future::join(join_all(edits), others).await.0 {
            match answer.status {
                303 | 409 => {}
                503 => *refused.borrow_mut() = Some((text, answer)),
                status => panic!("{status}: {}", answer.text()),
            }
        }
        refused.borrow().is_some()
    })
    .await;
    let (text, answer) = refused.into_inner().expect("a refused edit");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    let page = Page::parse(&answer.text());
    assert_eq!((page.value("content"), page.value("version").as_str()), (text, "1"));
}

#[tokio::test]
async fn a_small_text_never_becomes_a_large_page() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let table = format!("{}\n{}\n{}", "|a".repeat(1_000), "|:-:".repeat(1_000), "|a|\n".repeat(270));
    let (page, length) = shown(&browser, &table).await;
    assert!(length < 32 * 1024, "{length} bytes");
    assert!(page.text().contains("|a|"), "the text of the table is shown");
    let short = format!("{}\n{}\n{}", "|a".repeat(10), "|-".repeat(10), "|b|\n".repeat(10));
    let (page, _) = shown(&browser, &short).await;
    assert_eq!((page.all(".prose th").len(), page.all(".prose td").len()), (10, 10), "only the row's own");
}

#[tokio::test]
async fn the_rest_of_a_page_that_grows_too_long_is_left_out_and_said() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let table = format!("{}\n{}\n", "|a".repeat(1_000), "|:-:".repeat(1_000));
    let content = full(&(table + &("|a".repeat(1_000) + "\n").repeat(40)));
    let id = browser.note(&content).await;
    let page = browser.get(&format!("/notes/{id}")).await.expect(200).text();
    assert!(page.len() < 3_500_000, "{} bytes", page.len());
    let page = Page::parse(&page);
    assert!(page.text().contains("The rest of this note is too long to show here."));
    let edit = format!("/notes/{id}/edit");
    assert!(page.has(&format!("a[href='{edit}']")));
    assert_eq!(browser.page(&edit).await.value("content"), content);
    for whole in ["&", "*a* ", "> a\n\n", "- a\n", "`a` "] {
        let (page, _) = shown(&browser, &full(whole)).await;
        assert!(!page.text().contains("too long to show"), "{whole:?}");
    }
}
