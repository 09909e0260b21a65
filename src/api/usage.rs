//! What the token's user and the organization use, and how much they may.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::domain::{Limit, Role};
use crate::web::{CurrentUser, Error};

/// What is used, and how much may be.
#[derive(Serialize, ToSchema)]
pub struct UsageView {
    /// Of the token's user.
    person: PersonUsageView,
    /// Of the organization, for its owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationUsageView>,
}

/// What one person uses.
#[derive(Serialize, ToSchema)]
pub struct PersonUsageView {
    /// Notes of which the user is the author, without those in the bin.
    notes: AmountView,
    /// Bearer tokens in force.
    tokens: AmountView,
    /// Logins in browsers. One beyond the limit ends the one unused for longest.
    browsers: AmountView,
    /// Requests a second that each process lets in; none for no limit.
    requests_per_second: Option<i64>,
}

/// What an organization uses.
#[derive(Serialize, ToSchema)]
pub struct OrganizationUsageView {
    members: AmountView,
    /// Without those in the bin.
    notes: AmountView,
    /// Bytes of the texts of all notes, with the bin and earlier texts, and 256 more for each text.
    bytes: AmountView,
    /// Imports that run now.
    imports: AmountView,
    /// Requests a second that each process lets in; none for no limit.
    requests_per_second: Option<i64>,
}

/// An amount and its limit.
#[derive(Serialize, ToSchema)]
pub struct AmountView {
    used: i64,
    /// None for no limit.
    limit: Option<i64>,
}

/// Show what the token's user uses and may use, and for owners what the organization does.
///
/// # Errors
/// 401 without a valid token.
#[utoipa::path(
    get,
    path = "/api/usage",
    operation_id = "usage",
    security(("bearer" = [])),
    responses(
        (status = 200, body = UsageView),
        (status = 401, body = Problem),
        (status = 429, body = Problem),
    ),
)]
pub async fn show(user: CurrentUser) -> Result<HttpResponse, Error> {
    let usage = user.tenant.usage(user.id).await?;
    let amount = |used: i64, limit| AmountView { used: used.max(0), limit: usage.limits.get(limit) };
    Ok(HttpResponse::Ok().json(UsageView {
        person: PersonUsageView {
            notes: amount(usage.person.notes, Limit::NotesPerPerson),
            tokens: amount(usage.person.tokens, Limit::TokensPerPerson),
            browsers: amount(usage.person.sessions, Limit::SessionsPerPerson),
            requests_per_second: usage.limits.get(Limit::RequestsPerPerson),
        },
        organization: (user.session.role == Role::Owner).then(|| OrganizationUsageView {
            members: amount(usage.tenant.members, Limit::Members),
            notes: amount(usage.tenant.notes, Limit::Notes),
            bytes: amount(usage.tenant.bytes, Limit::Bytes),
            imports: amount(usage.imports, Limit::Imports),
            requests_per_second: usage.limits.get(Limit::Requests),
        }),
    }))
}
