//! Sign-up: it creates a tenant, or joins one that is open or by an invitation. It is the only transaction
//! over several tenants' shards: the reference table of tenants, the new user's shard and the login
//! directory's shards.

use std::time::Duration;

use super::idempotency::IdempotentRequest;
use super::invitations::TAKE_USE;
use super::limits::allowed;
use crate::db::{DbError, FromRow, SignUpHandle, SignUpTransaction};
use crate::domain::{
    CATCH_UP, Email, Identifier, Limit, Role, SignUpRefusal, TenantId, TenantName, UserId, Username,
};

const TENANT_BY_NAME: &str = "SELECT id, join_policy = 'open' AND (delete_after IS NULL \
    OR delete_after > now()) FROM shared.tenants WHERE name_key = $1";
const TENANT_BY_ID: &str = "SELECT id, join_policy = 'open' AND (delete_after IS NULL \
    OR delete_after > now()) FROM shared.tenants WHERE id = $1";
const INSERT_TENANT: &str = "INSERT INTO shared.tenants (id, name, name_key) VALUES ($1, $2, $3)";
const NEXT_TENANT: &str = "SELECT nextval('shared.tenants_id_seq')";
const NEXT_USER: &str = "SELECT nextval('shared.users_id_seq')";
const INSERT_USER: &str =
    "INSERT INTO shared.users (tenant_id, id, username, username_key, email, email_key, password, role)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
// The database refuses less room than none.
const ADD_MEMBER: &str = concat!(
    "UPDATE tenant_usage u SET members = u.members + 1, members_room = ",
    allowed!("members", "$2", "tenant_limits"),
    " - u.members - 1 WHERE u.tenant_id = $1 AND u.user_id = 0"
);
// The rows of a new tenant; see the migration of the limits.
const COUNT_TENANT: &str = "INSERT INTO tenant_usage (tenant_id, user_id, members) VALUES ($1, 0, 1), \
    ($1, -1, 0), ($1, -2, 0), ($1, -3, 0), ($1, -4, 0), ($1, -5, 0), ($1, -6, 0), ($1, -7, 0), ($1, -8, 0)";
const COUNT_USER: &str = "INSERT INTO tenant_usage (tenant_id, user_id) VALUES ($1, $2)";
// A message delivers to the new user what is shared with everyone.
const ENQUEUE_CATCH_UP: &str = "INSERT INTO outbox (tenant_id, route, user_id) VALUES ($1, $2, $3)";
const RECORD_REQUEST: &str = "INSERT INTO idempotency_keys \
    (tenant_id, user_id, key, request_hash, created_id, answer) VALUES ($1, $2, $3, $4, $2, '')";
const INSERT_LOGIN: &str = "INSERT INTO logins (identifier_hash, tenant_id, user_id) VALUES ($1, $2, $3)";

/// The tenant that a new user joins.
pub enum TenantChoice {
    /// By name: a tenant of a new name is created.
    Named(TenantName),
    /// By id, as a script sends it: the tenant must exist.
    Numbered(i64),
    /// By an invitation, of which one use is taken.
    Invited {
        /// The tenant that the link names.
        tenant: TenantId,
        /// The hash of the link's token.
        token_hash: Vec<u8>,
    },
}

/// A user to create.
pub struct Newcomer {
    pub username: Username,
    pub email: Option<Email>,
    pub password_hash: String,
    pub tenant: TenantChoice,
    /// The request, if its client may repeat it.
    pub request: Option<IdempotentRequest>,
}

/// A user that was created.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    pub tenant: TenantId,
    pub user: UserId,
    pub role: Role,
}

/// Why a user was not created.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The operator's rule for new accounts refuses it.
    #[error("the operator does not permit this sign-up")]
    NotPermitted(SignUpRefusal),
    /// The tenant exists and requires an invitation. The text is the field that names the tenant.
    #[error("the tenant is not open")]
    NotOpen(&'static str),
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// The invitation is unknown, used up, revoked or expired.
    #[error("there is no such invitation")]
    NoInvitation,
    /// Another sign-up has just created a tenant of that name.
    #[error("the tenant's name was just taken")]
    TenantTaken,
    /// The tenant has a user of that name or with that e-mail.
    #[error("the user name or e-mail is taken")]
    UserTaken,
    /// The client has tried too many invitations that do not exist.
    #[error("throttled for {0:?}")]
    Throttled(Duration),
    #[error(transparent)]
    Database(DbError),
}

impl From<DbError> for SignUpError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Taken(constraint) if constraint == "tenants_name_key" => Self::TenantTaken,
            DbError::Taken(_) => Self::UserTaken,
            other => Self::Database(other),
        }
    }
}

impl SignUpHandle {
    /// Creates a user, and the tenant if its name is new.
    ///
    /// # Errors
    /// See [`SignUpError`]; no user was created then, unless the connection broke at the commit.
    pub async fn register(&self, newcomer: &Newcomer) -> Result<Registered, SignUpError> {
        let members = self.limits().stored(Limit::Members);
        self.transaction(async |transaction| register(transaction, newcomer, members).await).await?
    }
}

/// The inner result is the answer, the outer error a failure of the database.
async fn register(
    transaction: &SignUpTransaction<'_>,
    newcomer: &Newcomer,
    members: i64,
) -> Result<Result<Registered, SignUpError>, DbError> {
    let joined = match &newcomer.tenant {
        TenantChoice::Invited { tenant, token_hash } => {
            take_invitation(transaction, *tenant, token_hash).await?
        }
        choice => find_or_create(transaction, choice).await?,
    };
    let JoinedTenant { tenant, role, is_new } = match joined {
        Ok(joined) => joined,
        Err(refusal) => return Ok(Err(refusal)),
    };
    transaction.bind_tenant(tenant).await?;
    let user = insert_user(transaction, newcomer, tenant, role).await?;
    let (tenant_number, user_number) = (tenant.number(), user.number());
    transaction.execute(COUNT_USER, &[&tenant_number, &user_number]).await?;
    if is_new {
        transaction.execute(COUNT_TENANT, &[&tenant_number]).await?;
    } else {
        transaction.execute(ADD_MEMBER, &[&tenant_number, &members]).await?;
        transaction.execute(ENQUEUE_CATCH_UP, &[&tenant_number, &CATCH_UP, &user_number]).await?;
    }
    if let Some(request) = &newcomer.request {
        let (key, hash) = (request.key.as_str(), &request.request_hash);
        transaction.execute(RECORD_REQUEST, &[&tenant_number, &user_number, &key, hash]).await?;
    }
    for identifier in Identifier::all_of(&newcomer.username, newcomer.email.as_ref()) {
        transaction.execute(INSERT_LOGIN, &[&identifier.hash(), &tenant_number, &user_number]).await?;
    }
    Ok(Ok(Registered { tenant, user, role }))
}

async fn insert_user(
    transaction: &SignUpTransaction<'_>,
    newcomer: &Newcomer,
    tenant: TenantId,
    role: Role,
) -> Result<UserId, DbError> {
    let user: UserId = next_id(transaction, NEXT_USER).await?;
    let email = newcomer.email.as_ref();
    transaction
        .execute(
            INSERT_USER,
            &[
                &tenant.number(),
                &user.number(),
                &newcomer.username.shown(),
                &newcomer.username.key(),
                &email.map(Email::shown),
                &email.map(Email::key),
                &newcomer.password_hash,
                &role.as_str(),
            ],
        )
        .await?;
    Ok(user)
}

/// The tenant that a new user joins, and the user's role there.
struct JoinedTenant {
    tenant: TenantId,
    role: Role,
    is_new: bool,
}

/// Takes one use of an invitation. The use is given back if the rest of the transaction fails.
async fn take_invitation(
    transaction: &SignUpTransaction<'_>,
    tenant: TenantId,
    token_hash: &[u8],
) -> Result<Result<JoinedTenant, SignUpError>, DbError> {
    transaction.bind_tenant(tenant).await?;
    let role = transaction.rows(TAKE_USE, &[&tenant.number(), &token_hash]).await?.pop();
    Ok(role.map(|role| JoinedTenant { tenant, role, is_new: false }).ok_or(SignUpError::NoInvitation))
}

async fn find_or_create(
    transaction: &SignUpTransaction<'_>,
    choice: &TenantChoice,
) -> Result<Result<JoinedTenant, SignUpError>, DbError> {
    let found: Option<(TenantId, bool)> = match choice {
        TenantChoice::Named(name) => transaction.rows(TENANT_BY_NAME, &[&name.key()]).await?.pop(),
        TenantChoice::Numbered(number) => transaction.rows(TENANT_BY_ID, &[number]).await?.pop(),
        TenantChoice::Invited { .. } => None,
    };
    Ok(match (found, choice) {
        (Some((tenant, true)), _) => Ok(JoinedTenant { tenant, role: Role::Member, is_new: false }),
        (Some(_), TenantChoice::Named(_)) => Err(SignUpError::NotOpen("tenant_name")),
        (Some(_), _) => Err(SignUpError::NotOpen("tenant_id")),
        (None, TenantChoice::Named(name)) => {
            let tenant: TenantId = next_id(transaction, NEXT_TENANT).await?;
            transaction.execute(INSERT_TENANT, &[&tenant.number(), &name.shown(), &name.key()]).await?;
            Ok(JoinedTenant { tenant, role: Role::Owner, is_new: true })
        }
        (None, _) => Err(SignUpError::NoSuchTenant),
    })
}

async fn next_id<T: FromRow>(transaction: &SignUpTransaction<'_>, sequence: &str) -> Result<T, DbError> {
    transaction.rows(sequence, &[]).await?.pop().ok_or(DbError::Unavailable(None))
}
