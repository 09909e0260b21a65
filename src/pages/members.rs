//! The members of the organization, and the open invitations.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::format::Timestamp;
use super::frame::{frame_of, page};
use super::membership::left;
use crate::domain::{Role, UserId};
use crate::services::membership;
use crate::store::{Member, OpenInvitation};
use crate::web::cookie::{flash, take_link};
use crate::web::{Context, CurrentUser, Error, FieldErrors, Frame, see_other};

const PAGE_SIZE: usize = 100;

/// The query of the list.
#[derive(Default, Deserialize)]
pub struct MembersPageQuery {
    after: Option<String>,
}

/// The form for an invitation, as it was sent.
#[derive(Deserialize)]
#[serde(default)]
pub struct InvitationForm {
    pub role: String,
    pub uses: String,
    /// Seconds until the invitation expires.
    pub expires_in: String,
}

impl Default for InvitationForm {
    fn default() -> Self {
        Self { role: "member".to_owned(), uses: "1".to_owned(), expires_in: "604800".to_owned() }
    }
}

#[derive(Template)]
#[template(path = "members/index.html")]
struct MembersPage {
    frame: Frame,
    members: Vec<MemberRow>,
    more: Option<String>,
    manages: bool,
    owns: bool,
    assignable_roles: Vec<&'static str>,
    invitations: Vec<InvitationRow>,
    link: Option<String>,
    form: InvitationForm,
    errors: FieldErrors,
}

struct MemberRow {
    id: i64,
    username: String,
    email: Option<String>,
    role: &'static str,
    since: Timestamp,
    you: bool,
    manageable: bool,
}

struct InvitationRow {
    id: i64,
    role: &'static str,
    uses_left: i32,
    used: i32,
    expires_at: Timestamp,
    inviter: String,
    revocable: bool,
}

/// Lists the members.
pub async fn index(
    user: CurrentUser,
    query: web::Query<MembersPageQuery>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    let after = query.after.as_deref().and_then(UserId::parse).map_or(0, UserId::number);
    list(StatusCode::OK, &user, &cookie, after, InvitationForm::default(), FieldErrors::default()).await
}

/// Removes a member.
pub async fn delete(
    request: HttpRequest,
    user: CurrentUser,
    member: web::Path<UserId>,
    context: web::Data<Context>,
    cookie: Session,
) -> Result<HttpResponse, Error> {
    Result::from(membership::remove(&context.services, &user.actor(&request), *member).await?)?;
    if *member == user.id {
        return left(&user, &context, &cookie).await;
    }
    flash(&cookie, "success", "They are removed and logged out everywhere. What they wrote stays.");
    Ok(see_other("/members"))
}

/// The page, with the values and errors of the invitation form.
pub async fn list(
    status: StatusCode,
    user: &CurrentUser,
    cookie: &Session,
    after: i64,
    form: InvitationForm,
    errors: FieldErrors,
) -> Result<HttpResponse, Error> {
    let role = user.session.role;
    let limit = i64::try_from(PAGE_SIZE).unwrap_or(i64::MAX) + 1;
    let (mut members, invitations) = if role.may_manage_members() {
        user.tenant.members_and_invitations(after, limit).await?
    } else {
        (user.tenant.members(after, limit).await?, Vec::new())
    };
    let more = members.len() > PAGE_SIZE;
    members.truncate(PAGE_SIZE);
    let shown = MembersPage {
        frame: frame_of(user, cookie, "members"),
        more: members.last().filter(|_| more).map(|last| format!("/members?after={}", last.id)),
        members: members.into_iter().map(|member| member_row(member, user)).collect(),
        manages: role.may_manage_members(),
        owns: role == Role::Owner,
        assignable_roles: assignable_roles(role),
        invitations: invitations.into_iter().map(|invitation| invitation_row(invitation, role)).collect(),
        link: take_link(cookie),
        form,
        errors,
    };
    page(status, &shown)
}

/// The roles that a user of `role` may give to others, the lowest first.
fn assignable_roles(role: Role) -> Vec<&'static str> {
    Role::ALL.into_iter().rev().filter(|other| role.may_manage(*other)).map(Role::as_str).collect()
}

fn member_row(member: Member, user: &CurrentUser) -> MemberRow {
    let you = member.id == user.id;
    MemberRow {
        id: member.id.number(),
        username: member.username,
        email: member.email.filter(|_| user.session.role.may_manage_members()),
        role: member.role.as_str(),
        since: Timestamp(member.since),
        you,
        manageable: user.session.role.may_manage(member.role),
    }
}

fn invitation_row(invitation: OpenInvitation, role: Role) -> InvitationRow {
    InvitationRow {
        revocable: role.may_manage(invitation.role),
        id: invitation.id.number(),
        role: invitation.role.as_str(),
        uses_left: invitation.uses_left,
        used: invitation.used,
        expires_at: Timestamp(invitation.expires_at),
        inviter: invitation.inviter,
    }
}
