//! Accounts, their tokens and their browsers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use crate::client::{Call, Client, Reply};
use crate::outcome::Outcome;
use crate::stage::Stage;

/// An account with its password.
#[derive(Clone, Debug)]
pub struct Account {
    pub username: String,
    pub email: String,
    pub password: String,
    pub tenant_id: i64,
}

/// A browser's cookies.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

/// `prefix` and sixteen random letters.
pub fn unique(prefix: &str) -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("randomness");
    let letters = bytes.iter().map(|byte| char::from(b'a' + byte % 26));
    format!("{prefix}{}", letters.collect::<String>())
}

/// The call that founds an organization with a new account.
pub fn registration(username: &str, email: &str) -> (Account, Call) {
    let account = Account {
        username: username.to_owned(),
        email: email.to_owned(),
        password: unique("secret "),
        tenant_id: 0,
    };
    let call = Call::new("POST", "/api/register").json(&json!({
        "username": account.username, "email": email, "password": account.password,
        "tenant_name": unique("Org "),
    }));
    (account, call)
}

/// An e-mail address that no account has.
pub fn new_email() -> String {
    format!("{}@example.test", unique("person"))
}

impl Stage {
    /// A new owner of a new organization.
    pub async fn founder(&self) -> Outcome<Account> {
        self.founder_named(&unique("user"), &new_email()).await
    }

    /// The same with this name and e-mail address.
    pub async fn founder_named(&self, username: &str, email: &str) -> Outcome<Account> {
        let (account, call) = registration(username, email);
        let reply = self.prepared(call).await.expect(201, "a sign-up")?;
        Ok(Account { tenant_id: reply.json()["tenant_id"].as_i64().ok_or("no tenant")?, ..account })
    }

    /// A new member of the organization in which this token's user may invite.
    pub async fn colleague(&self, token: &str) -> Outcome<Account> {
        let call = Call::new("POST", "/api/invitations").bearer(token).json(&json!({}));
        let invitation = self.prepared(call).await.expect(201, "an invitation")?.json();
        let account = Account {
            username: unique("user"),
            email: new_email(),
            password: unique("secret "),
            tenant_id: 0,
        };
        let call = Call::new("POST", "/api/register").json(&json!({
            "username": account.username, "email": account.email, "password": account.password,
            "invitation": invitation["token"],
        }));
        let reply = self.prepared(call).await.expect(201, "a sign-up by invitation")?;
        Ok(Account { tenant_id: reply.json()["tenant_id"].as_i64().ok_or("no tenant")?, ..account })
    }

    /// A new bearer token.
    pub async fn token(&self, account: &Account) -> Outcome<String> {
        let call = Call::new("POST", "/api/login").json(&json!({
            "username": account.username, "password": account.password, "tenant_id": account.tenant_id,
        }));
        let reply = self.prepared(call).await.expect(200, "a login for a token")?;
        Ok(reply.json()["token"].as_str().ok_or("no token")?.to_owned())
    }

    /// A browser at this address that has logged in.
    pub async fn browser(&self, account: &Account, address: Ipv4Addr) -> Outcome<Browser> {
        let mut browser = Browser::default();
        let client = self.client(address)?;
        for _ in 0..20 {
            let reply = client.send(browser.login(account)).await;
            browser.keep(&reply);
            match reply.status {
                303 => return Ok(browser),
                429 | 503 => tokio::time::sleep(Duration::from_secs(1)).await,
                _ => {
                    reply.expect(303, "a login in the browser")?;
                }
            }
        }
        Err("no login in the browser within 20 tries".into())
    }

    /// Sends a call before the attack. A busy server is asked again, from another address.
    pub async fn prepared(&self, call: Call) -> Reply {
        let mut reply = None;
        for _ in 0..20 {
            let address = self.preparation_address();
            let client = Client::with_timeout(&self.target.base, address, Duration::from_secs(120));
            let answered = client.expect("a client").send(call.clone()).await;
            let busy = matches!(answered.status, 429 | 503);
            reply = Some(answered);
            if !busy {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        reply.expect("a reply")
    }
}

impl Browser {
    /// The login form, sent with the browser's cookies.
    pub fn login(&self, account: &Account) -> Call {
        let fields = [("email", account.email.as_str()), ("password", account.password.as_str())];
        self.with_cookies(Call::new("POST", "/login").form(&fields))
    }

    /// A call with the browser's cookies.
    pub fn with_cookies(&self, call: Call) -> Call {
        if self.cookies.is_empty() { call } else { call.header("cookie", self.cookie_header()) }
    }

    /// The value of the header `Cookie`.
    pub fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Stores the cookies that an answer sets.
    pub fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers("set-cookie") {
            let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            if cookie.to_lowercase().contains("max-age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
