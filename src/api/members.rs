//! The members of the organization.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list_query::ok_with_next;
use super::problem::Problem;
use crate::domain::{Role, UserId};
use crate::services::membership;
use crate::store::Member;
use crate::web::{Context, CurrentUser, Error, FieldErrors, Json};

const PAGE_SIZE: i64 = 100;

/// A member.
#[derive(Serialize, ToSchema)]
pub struct MemberView {
    user_id: i64,
    username: String,
    /// owner, admin or member.
    role: &'static str,
    since: DateTime<Utc>,
    /// Only owners and admins see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// A new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// owner, admin or member.
    #[schema(pattern = "^(owner|admin|member)$")]
    role: String,
}

/// The changed role.
#[derive(Serialize, ToSchema)]
pub struct RoleAnswer {
    user_id: i64,
    role: &'static str,
}

/// The query of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
    /// From the `next` link of the page before.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    after: Option<String>,
}

/// List the members, 100 on a page; the `Link` header leads to the next page (RFC 8288).
///
/// # Errors
/// 401 without a valid token.
#[utoipa::path(
    get,
    path = "/api/members",
    operation_id = "members_index",
    params(MembersQuery),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<MemberView>, headers(("Link" = String, description = "rel=next"))),
        (status = 401, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn index(user: CurrentUser, query: web::Query<MembersQuery>) -> Result<HttpResponse, Error> {
    let after = match query.after.as_deref() {
        None => 0,
        Some(text) => UserId::parse(text)
            .ok_or(Error::Invalid(FieldErrors::one("after", "This is not a position in the list.")))?
            .number(),
    };
    let mut members = user.tenant.members(after, PAGE_SIZE + 1).await?;
    let more = usize::try_from(PAGE_SIZE).is_ok_and(|size| members.len() > size);
    if more {
        members.pop();
    }
    let last = members.last().filter(|_| more);
    let next = last.map(|last| format!("/api/members?after={}", last.id));
    let views: Vec<_> = members.into_iter().map(|member| view(member, user.session.role)).collect();
    Ok(ok_with_next(next).json(views))
}

/// Give a member another role.
///
/// # Errors
/// 401 without a valid token, 403 when the user's role does not allow it, 404 when there is no such member,
/// 409 for the last owner, 422 for an unknown role.
#[utoipa::path(
    patch,
    path = "/api/members/{id}",
    operation_id = "members_update",
    params(("id" = i64, Path)),
    request_body = RoleBody,
    security(("bearer" = [])),
    responses(
        (status = 200, body = RoleAnswer),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem),
    ),
)]
pub async fn update(
    request: HttpRequest,
    user: CurrentUser,
    member: web::Path<UserId>,
    body: Json<RoleBody>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    let mut errors = FieldErrors::default();
    let Some(role) = errors.keep("role", Role::parse(&body.0.role)) else {
        return Err(Error::Invalid(errors));
    };
    Result::from(membership::change_role(&context.services, &user.actor(&request), *member, role).await?)?;
    Ok(HttpResponse::Ok().json(RoleAnswer { user_id: member.number(), role: role.as_str() }))
}

/// Remove a member, or leave by the user's own id. The member's notes stay; the member's sessions and tokens
/// end.
///
/// # Errors
/// 401 without a valid token, 403 when the user's role does not allow it, 404 when there is no such member,
/// 409 for the last owner.
#[utoipa::path(
    delete,
    path = "/api/members/{id}",
    operation_id = "members_delete",
    params(("id" = i64, Path)),
    security(("bearer" = [])),
    responses(
        (status = 204),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
    ),
)]
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    member: web::Path<UserId>,
    context: web::Data<Context>,
) -> Result<HttpResponse, Error> {
    Result::from(membership::remove(&context.services, &user.actor(&request), *member).await?)?;
    Ok(HttpResponse::NoContent().finish())
}

fn view(member: Member, viewer: Role) -> MemberView {
    MemberView {
        user_id: member.id.number(),
        username: member.username,
        role: member.role.as_str(),
        since: member.since,
        email: member.email.filter(|_| viewer.may_manage_members()),
    }
}
