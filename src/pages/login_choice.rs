//! The choice between several tenants in which the same name and password are valid. The accounts travel
//! through the page in a sealed ticket, which only this server can write and read. It is bound to the browser
//! by its name in the cookie, and is used once: the database keeps the names of used tickets.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use askama::Template;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::browser_sessions::{NewSessions, SessionAccount};
use super::draft::Draft;
use super::frame::page;
use crate::services::login::Matched;
use crate::store::{Candidate, SessionKind};
use crate::web::{Context, Error, FieldErrors, Frame, cookie};

/// The time in which the user has to choose, in seconds.
const TICKET_LIFE: i64 = 120;
const PURPOSE: &str = "login ticket";

#[derive(Template)]
#[template(path = "login/choose.html")]
struct ChoicePage {
    frame: Frame,
    ticket: String,
    next: String,
    add: bool,
    draft: Option<Draft>,
    choices: Vec<AccountChoice>,
    errors: FieldErrors,
}

struct AccountChoice {
    index: usize,
    tenant_name: String,
    username: String,
}

#[derive(Serialize, Deserialize)]
struct LoginTicket {
    /// Random.
    name: String,
    accounts: Vec<LoginTicketAccount>,
    remember: bool,
    expires: i64,
}

impl LoginTicket {
    fn seal(&self, key: &Key) -> Result<String, Error> {
        let text = serde_json::to_string(self)
            .map_err(|error| Error::Internal("writing a login ticket", error.into()))?;
        Ok(cookie::seal(key, PURPOSE, text))
    }

    /// Reads a ticket that this server sealed and that has not expired at `now`.
    fn open(key: &Key, sealed: &str, now: i64) -> Option<Self> {
        let ticket: Self = serde_json::from_str(&cookie::unseal(key, PURPOSE, sealed)?).ok()?;
        (ticket.expires >= now).then_some(ticket)
    }
}

#[derive(Serialize, Deserialize)]
struct LoginTicketAccount {
    tenant: i64,
    user: i64,
    /// A digest of the stored password hash: changing the password makes the ticket invalid.
    fingerprint: Vec<u8>,
}

impl LoginTicketAccount {
    fn of(matched: &Matched) -> Self {
        Self {
            tenant: matched.candidate.tenant.number(),
            user: matched.candidate.user.number(),
            fingerprint: fingerprint(&matched.account.password_hash),
        }
    }
}

/// Shows the accounts from which the user chooses.
pub fn show(
    context: &Context,
    cookie: &Session,
    matched: &[Matched],
    kind: SessionKind,
    (next, add): (String, bool),
    draft: Option<Draft>,
) -> Result<HttpResponse, Error> {
    let name = new_name()?;
    cookie::keep_login_ticket(cookie, &name)?;
    let ticket = LoginTicket {
        name,
        accounts: matched.iter().map(LoginTicketAccount::of).collect(),
        remember: kind == SessionKind::Remembered,
        expires: Utc::now().timestamp() + TICKET_LIFE,
    };
    let choices = matched.iter().enumerate().map(|(index, one)| AccountChoice {
        index,
        tenant_name: one.account.tenant_name.clone(),
        username: one.account.username.clone(),
    });
    let choice = ChoicePage {
        frame: Frame::public(cookie, ""),
        ticket: ticket.seal(&context.cookies.key)?,
        next,
        add,
        draft,
        choices: choices.collect(),
        errors: FieldErrors::default(),
    };
    page(StatusCode::OK, &choice)
}

fn new_name() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Internal("asking the system for random bytes", error.into()))?;
    Ok(hex::encode(bytes))
}

/// The sessions of the chosen account and, after it, of the other accounts; none when the ticket is forged,
/// expired, used or another browser's, or when the password was changed in the meantime.
pub async fn read(
    context: &Context,
    cookie: &Session,
    ticket: &str,
    choice: &str,
) -> Result<Option<NewSessions>, Error> {
    let Some(mut ticket) = LoginTicket::open(&context.cookies.key, ticket, Utc::now().timestamp())
        .filter(|ticket| cookie::login_ticket(cookie).as_ref() == Some(&ticket.name))
    else {
        return Ok(None);
    };
    let Some(chosen) = choice.parse().ok().filter(|index: &usize| *index < ticket.accounts.len()) else {
        return Ok(None);
    };
    if !first_use(context, &ticket).await? {
        return Ok(None);
    }
    ticket.accounts[..=chosen].rotate_right(1);
    let mut accounts = Vec::new();
    for (index, account) in ticket.accounts.iter().enumerate() {
        match unchanged(context, account).await? {
            Some(account) => accounts.push(account),
            None if index == 0 => return Ok(None),
            None => {}
        }
    }
    let kind = if ticket.remember { SessionKind::Remembered } else { SessionKind::Browser };
    Ok(Some(NewSessions::of_login(accounts, kind)))
}

/// Marks a ticket as used, in the tenant of its first account whichever is chosen.
async fn first_use(context: &Context, ticket: &LoginTicket) -> Result<bool, Error> {
    let Some(first) = ticket.accounts.first() else { return Ok(false) };
    let first = Candidate::from_ticket((first.tenant, first.user));
    let tenant = context.services.database.tenant(first.tenant);
    Ok(tenant.use_login_ticket(first.user, &ticket.name).await?)
}

/// An account of a ticket; none when its password was changed since the login.
async fn unchanged(context: &Context, ticket: &LoginTicketAccount) -> Result<Option<SessionAccount>, Error> {
    let candidate = Candidate::from_ticket((ticket.tenant, ticket.user));
    let account = context.services.database.tenant(candidate.tenant).account(candidate.user).await?;
    let unchanged = account.filter(|account| fingerprint(&account.password_hash) == ticket.fingerprint);
    Ok(unchanged.map(|account| SessionAccount { candidate, tenant_name: account.tenant_name }))
}

fn fingerprint(hash: &str) -> Vec<u8> {
    Sha256::digest(hash.as_bytes())[..8].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_ends_after_two_minutes_and_is_read_with_its_own_key_only() {
        let (key, now) = (Key::generate(), 1_800_000_000);
        let (name, accounts) = (String::new(), Vec::new());
        let ticket = LoginTicket { name, accounts, remember: true, expires: now + TICKET_LIFE };
        let sealed = ticket.seal(&key).expect("a sealed ticket");
        for (later, good) in [(0, true), (120, true), (121, false), (1_000_000, false)] {
            assert_eq!(LoginTicket::open(&key, &sealed, now + later).is_some(), good, "after {later} s");
        }
        assert!(LoginTicket::open(&Key::generate(), &sealed, now).is_none());
    }
}
