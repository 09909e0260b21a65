//! Answers of the JSON API, and what each kind of refusal means for the user.

use reqwest::header::{HeaderMap, LINK, LOCATION, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::display;
use super::failure::{ClientFailure, FailureKind};

/// A status, headers and a body.
pub(super) struct ApiAnswer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What a refusal says (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemAnswer {
    detail: String,
    request_id: String,
    errors: Vec<FieldProblem>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FieldProblem {
    field: String,
    message: String,
}

impl ApiAnswer {
    /// The answer, or why the server refused.
    pub(super) fn success(self) -> Result<Self, ClientFailure> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.failure()) }
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientFailure> {
        serde_json::from_slice(&self.body)
            .map_err(|_| ClientFailure::other("The server's answer cannot be read: is it a Pigeonhole?"))
    }

    /// The target of the `Link` to the next page.
    pub(super) fn next_page(&self) -> Option<&str> {
        let links = self.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        links.flat_map(|value| value.split(',')).find_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            parameters.contains("rel=\"next\"").then_some(target)
        })
    }

    /// Whether the refusal is about this field.
    pub(super) fn names_field(&self, field: &str) -> bool {
        self.problem().errors.iter().any(|error| error.field == field)
    }

    fn failure(&self) -> ClientFailure {
        let failed = |kind, sentence: &str| ClientFailure::new(kind, sentence);
        match self.status {
            300..=399 => {
                let location = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
                ClientFailure::other(format!(
                    "The server sends this client on to {}. Redirects are not followed: log in at the right \
                     address.",
                    location.unwrap_or("another address")
                ))
            }
            401 => failed(
                FailureKind::LoginFirst,
                "You are not logged in, or no longer. Log in first: pigeonhole notes login",
            ),
            403 => failed(FailureKind::LoginFirst, &self.detail()),
            404 => failed(FailureKind::NotFound, "There is no such note, or it is not yours to see."),
            409 | 412 => {
                failed(FailureKind::Conflict, "The note was changed in the meantime, so nothing was stored.")
            }
            429 => failed(FailureKind::TryLater, &self.later("There were too many requests or attempts.")),
            408 | 502..=504 => failed(FailureKind::TryLater, &self.later("The server is busy.")),
            422 if self.names_field("Idempotency-Key") => failed(
                FailureKind::Conflict,
                "This text was stored before, with another title or before you changed it, so it is not \
                 stored again.",
            ),
            400..=499 => ClientFailure::other(self.detail()),
            _ => ClientFailure::other(format!(
                "The server has a fault (status {}, request {}).",
                self.status,
                Some(self.problem().request_id).filter(|id| !id.is_empty()).as_deref().unwrap_or("unknown")
            )),
        }
    }

    /// A sentence, and after how many seconds another attempt may succeed.
    fn later(&self, sentence: &str) -> String {
        let seconds =
            self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
        match seconds {
            Some(1) => format!("{sentence} Try again in 1 second."),
            Some(seconds) => format!("{sentence} Try again in {seconds} seconds."),
            None => format!("{sentence} Try again later."),
        }
    }

    /// The server's sentences about what is wrong.
    fn detail(&self) -> String {
        let problem = self.problem();
        let messages: Vec<&str> = problem.errors.iter().map(|error| error.message.as_str()).collect();
        let said = if messages.is_empty() { problem.detail.clone() } else { messages.join(" ") };
        let said = display::line(&said);
        if said.is_empty() { format!("The server refused this with status {}.", self.status) } else { said }
    }

    fn problem(&self) -> ProblemAnswer {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
