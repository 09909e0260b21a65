//! Requests that look like others: paths with needless escapes, two cookies of our name, tokens of tenants
//! that never were (security.md, L1, L5, L6; acceptance L83).

use std::sync::Arc;
use std::time::Instant;

use crate::client::{Call, Client};
use crate::outcome::Outcome;
use crate::people::Browser;
use crate::report::Row;
use crate::stage::Stage;
use crate::tally::Tally;

/// Tokens of tenants that do not exist.
const TOKENS: usize = 200;
/// The first of their tenants' numbers.
const NO_TENANT: i64 = 900_000_000;
/// The console's answers that name tenants.
const COUNTED: [&str; 2] = ["/metrics", "/tenants.json"];

/// All of them.
pub async fn all(stage: Arc<Stage>) -> Outcome<Row> {
    let started = Instant::now();
    let account = stage.founder().await?;
    let first = stage.browser(&account, stage.preparation_address()).await?;
    let second = stage.browser(&account, stage.preparation_address()).await?;
    let client = stage.client(stage.block.attacker())?;
    let mut tally = Tally::default();
    escaped_paths(&client, &first, &mut tally).await;
    two_cookies(&client, &first, &second, &mut tally).await;
    made_up_tokens(&stage, &client, &mut tally).await?;
    Ok(Row::of(tally, started.elapsed()))
}

/// The API takes no cookie, however its path is written.
async fn escaped_paths(client: &Client, browser: &Browser, tally: &mut Tally) {
    for path in ["/api/me", "/%61pi/me", "/a%70i/me", "/%61%70%69/%6d%65", "/API/me", "//api/me", "/./api/me"]
    {
        let reply = client.send(browser.with_cookies(Call::new("GET", path))).await;
        tally.count(reply.status);
        tally.require(reply.status != 200, format!("{path} takes the browser's cookie"));
    }
}

/// Two cookies of our name are as good as none.
async fn two_cookies(client: &Client, first: &Browser, second: &Browser, tally: &mut Tally) {
    let cookies =
        |one: &Browser, other: &Browser| format!("{}; {}", one.cookie_header(), other.cookie_header());
    for (one, other) in [(first, second), (second, first)] {
        let call = Call::new("GET", "/dashboard").header("cookie", cookies(one, other));
        let reply = client.send(call).await;
        tally.count(reply.status);
        tally.require(reply.status != 200, "of two cookies one counts");
    }
}

/// Tokens that were never given out leave no trace in the console's numbers.
async fn made_up_tokens(stage: &Stage, client: &Client, tally: &mut Tally) -> Outcome<()> {
    for number in 0..stage.times(TOKENS) as i64 {
        let token = format!("ph_{}_{}", NO_TENANT + number, "a".repeat(43));
        let reply = client.send(Call::new("GET", "/api/me").bearer(&token)).await;
        tally.count(reply.status);
    }
    let Some(console) = &stage.target.console else {
        tally.remark("the console was not looked at");
        return Ok(());
    };
    let console = Client::at(console, stage.block.known())?;
    for path in COUNTED {
        let call = Call::new("GET", path);
        let call = match &stage.target.console_token {
            Some(token) => call.bearer(token),
            None => call,
        };
        let text = console.send(call).await.expect(200, path)?.text();
        let found = (0..TOKENS as i64).filter(|number| text.contains(&(NO_TENANT + number).to_string()));
        let found = found.count();
        tally.require(found == 0, format!("{path} names {found} tenants that never were"));
    }
    Ok(())
}
