//! Limits per tenant and person: what counts, what is refused, and who sets them.

mod counts;
mod notes;
mod operators;
mod people;
mod request_rates;

use serde_json::Value;

use crate::support::{Answer, Browser, Page, Script, database};

/// Sets one limit of a tenant, as an operator does. `column` is that of `tenant_limits`.
async fn allow(tenant_id: i64, column: &str, amount: i64) {
    let statement = format!(
        "INSERT INTO tenant_limits (tenant_id, {column}) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET {column} = excluded.{column}"
    );
    database::admin().await.execute(&statement, &[&tenant_id, &amount]).await.expect(column);
}

/// The answer of GET /api/usage.
async fn usage(script: &Script) -> Value {
    script.get("/api/usage").await.expect(200).json()
}

/// The form of a page that says which limit is reached, with the text that was sent.
async fn unsaved(browser: &Browser, path: &str, fields: &[(&str, &str)], sentence: &str) {
    let answer: Answer = browser.post(path, fields).await.expect(422);
    let text = answer.text();
    assert!(text.contains(sentence), "{text}");
    let page = Page::parse(&text);
    for (name, value) in fields.iter().filter(|(name, _)| *name == "content") {
        let kept: String = page.all(&format!("textarea[name='{name}']"))[0].text().collect();
        assert_eq!(kept.trim_start_matches('\n'), *value);
    }
}
