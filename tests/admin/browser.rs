//! The console's pages in Chromium: with and without JavaScript, in both themes, checked by axe-core.

use super::pages::pages;
use crate::browser::webdriver::Chromium;
use crate::support::{environment, eventually, spawn_console};

fn axe_script() -> Option<String> {
    let script = environment::axe().map(|path| std::fs::read_to_string(path).expect("axe-core"));
    if script.is_none() {
        environment::skipped("there is no axe-core");
    }
    script
}

#[tokio::test]
async fn console_pages_fit_the_screen_pass_axe_and_log_no_errors() {
    let console = spawn_console().await;
    let Some(chromium) = Chromium::start(&console.base, true).await else { return };
    let axe = axe_script();
    let pages: Vec<String> =
        pages(&console).await.into_iter().chain(["/network?measure=1".to_owned()]).collect();
    for theme in ["light", "dark"] {
        chromium.prefer(theme).await;
        for page in &pages {
            for width in [390, 1280] {
                chromium.resize(width, 900).await;
                chromium.open(page).await;
                let wide =
                    chromium.run("return document.documentElement.scrollWidth - window.innerWidth").await;
                assert!(
                    wide.as_i64().is_some_and(|wide| wide <= 0),
                    "{page} is {wide} wider than a window of {width}"
                );
            }
            if let Some(axe) = &axe {
                chromium.run(axe).await;
                let found = chromium
                    .run_async(
                        "const done = arguments[arguments.length - 1]; \
                    axe.run(document).then((r) => done(r.violations.map((v) => v.id + ': ' + \
                    v.nodes.map((n) => n.html).slice(0, 3).join(' | '))))",
                    )
                    .await;
                assert_eq!(found.as_array().map(Vec::len), Some(0), "{page} in {theme}: {found:#}");
            }
            let browser_errors = chromium.browser_errors().await;
            assert!(browser_errors.is_empty(), "{page} in {theme}: {browser_errors:#?}");
        }
    }
}

#[tokio::test]
async fn console_pages_refresh_in_place() {
    let console = spawn_console().await;
    let Some(chromium) = Chromium::start(&console.base, true).await else { return };
    chromium.open("/verdicts").await;
    // One script call, as the refresh may replace an element between two calls.
    let shown = "return document.querySelector('.console-time').textContent";
    let time = chromium.run(shown).await;
    chromium.run("document.querySelector('main').dataset.same = 'yes'").await;
    eventually("the page is refreshed", async || chromium.run(shown).await != time).await;
    assert_eq!(
        chromium.run("return document.querySelector('main').dataset.same").await,
        "yes",
        "the whole page was reloaded"
    );
    assert_eq!(chromium.browser_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn console_pages_work_without_javascript() {
    let console = spawn_console().await;
    let Some(chromium) = Chromium::start(&console.base, false).await else { return };
    chromium.open("/").await;
    assert_eq!(chromium.path().await, "/verdicts");
    for page in pages(&console).await {
        chromium.open(&page).await;
        assert!(chromium.has("main h1").await, "{page}");
        assert_eq!(chromium.browser_errors().await, Vec::<String>::new(), "{page}");
    }
}
