//! Sign-up: the one piece of work that crosses tenants. It founds a tenant or joins one that is open or
//! invites, in one transaction over the reference table of tenants, the new user's shard and the login
//! directory's shards.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::idempotency::Once;
use super::invitations::TAKE;
use crate::db::{DbError, Object, SignUpHandle};
use crate::domain::{CATCH_UP, Email, Identifier, Role, TenantId, TenantName, UserId, Username};

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
// What is shared with everybody reaches the newcomer by a message of its own.
const ENQUEUE_CATCH_UP: &str = "INSERT INTO outbox (tenant_id, route, user_id) VALUES ($1, $2, $3)";
const REMEMBER: &str = "INSERT INTO idempotency_keys (tenant_id, user_id, key, request_hash, created_id, \
    answer) VALUES ($1, $2, $3, $4, $2, '')";
const INSERT_LOGIN: &str = "INSERT INTO logins (identifier_hash, tenant_id, user_id) VALUES ($1, $2, $3)";

/// Which tenant a newcomer asks for.
pub enum TenantChoice {
    /// By name: founded when there is none of that name.
    Named(TenantName),
    /// By number, as a script sends it: only joined.
    Numbered(i64),
    /// By an invitation, of which one use is taken.
    Invited {
        /// The tenant that the link names.
        tenant: TenantId,
        /// What the database keeps of the link's token.
        token_hash: Vec<u8>,
    },
}

/// Who signs up.
pub struct Newcomer {
    /// The name in the tenant.
    pub username: Username,
    /// The e-mail, if given.
    pub email: Option<Email>,
    /// The hash of the password.
    pub password_hash: String,
    /// The tenant asked for.
    pub tenant: TenantChoice,
    /// Set when the request may come twice.
    pub once: Option<Once>,
}

/// A user that exists from now on.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The role there.
    pub role: Role,
}

/// Why a sign-up came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The tenant exists and takes nobody without an invitation.
    /// The field by which it was asked for is named.
    #[error("the tenant is not open")]
    NotOpen(&'static str),
    /// No tenant has that number.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// The invitation is unknown, used up, revoked or over.
    #[error("there is no such invitation")]
    NoInvitation,
    /// Another was faster with the same new tenant's name.
    #[error("the tenant's name was just taken")]
    TenantTaken,
    /// The tenant has a user of that name or with that e-mail.
    #[error("the user name or e-mail is taken")]
    UserTaken,
    /// The database.
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
    /// Adds a user, founding the tenant when its name is new.
    ///
    /// # Errors
    /// See [`SignUpError`]; nothing was added then, unless the connection broke at the commit.
    pub async fn register(&self, newcomer: &Newcomer) -> Result<Registered, SignUpError> {
        self.run(async |client| register(client, newcomer).await).await?
    }
}

/// The inner result is an answer, the outer one a failure of the database. A transaction that is dropped is
/// rolled back.
async fn register(
    client: &mut Object,
    newcomer: &Newcomer,
) -> Result<Result<Registered, SignUpError>, DbError> {
    let transaction = client.transaction().await?;
    let place = match &newcomer.tenant {
        TenantChoice::Invited { tenant, token_hash } => {
            take_invitation(&transaction, *tenant, token_hash).await?
        }
        choice => find_or_found(&transaction, choice).await?,
    };
    let Place { tenant, role, founded } = match place {
        Ok(place) => place,
        Err(refusal) => return Ok(Err(refusal)),
    };
    enter(&transaction, tenant).await?;
    let user = next_number(&transaction, NEXT_USER).await?;
    let email = newcomer.email.as_ref();
    run(
        &transaction,
        INSERT_USER,
        &[
            &tenant,
            &user,
            &newcomer.username.shown(),
            &newcomer.username.key(),
            &email.map(Email::shown),
            &email.map(Email::key),
            &newcomer.password_hash,
            &role.as_str(),
        ],
    )
    .await?;
    if !founded {
        run(&transaction, ENQUEUE_CATCH_UP, &[&tenant, &CATCH_UP, &user]).await?;
    }
    if let Some(once) = &newcomer.once {
        run(&transaction, REMEMBER, &[&tenant, &user, &once.key.as_str(), &once.request_hash]).await?;
    }
    for identifier in Identifier::all_of(&newcomer.username, email) {
        run(&transaction, INSERT_LOGIN, &[&identifier.hash(), &tenant, &user]).await?;
    }
    transaction.commit().await?;
    Ok(Ok(Registered { tenant: TenantId::from_row(tenant), user: UserId::from_row(user), role }))
}

/// Where a newcomer comes to, and as what.
struct Place {
    tenant: i64,
    role: Role,
    founded: bool,
}

/// From here on the transaction reaches the rows of this tenant.
async fn enter(transaction: &Transaction<'_>, tenant: i64) -> Result<(), DbError> {
    Ok(transaction.batch_execute(&format!("SET LOCAL app.tenant_id = '{tenant}'")).await?)
}

/// Takes one use of an invitation; it is given back when the rest of the transaction fails.
async fn take_invitation(
    transaction: &Transaction<'_>,
    tenant: TenantId,
    token_hash: &[u8],
) -> Result<Result<Place, SignUpError>, DbError> {
    let tenant = tenant.number();
    enter(transaction, tenant).await?;
    let taken = run(transaction, TAKE, &[&tenant, &token_hash]).await?.pop();
    Ok(taken
        .map(|row| Place { tenant, role: Role::from_row(row.get(0)), founded: false })
        .ok_or(SignUpError::NoInvitation))
}

/// The tenant that is asked for and the role that a newcomer gets there.
async fn find_or_found(
    transaction: &Transaction<'_>,
    choice: &TenantChoice,
) -> Result<Result<Place, SignUpError>, DbError> {
    let found = match choice {
        TenantChoice::Named(name) => run(transaction, TENANT_BY_NAME, &[&name.key()]).await?.pop(),
        TenantChoice::Numbered(number) => run(transaction, TENANT_BY_ID, &[number]).await?.pop(),
        TenantChoice::Invited { .. } => None,
    };
    let answer = match (found, choice) {
        (Some(row), _) if row.get::<_, bool>(1) => {
            Ok(Place { tenant: row.get(0), role: Role::Member, founded: false })
        }
        (Some(_), TenantChoice::Named(_)) => Err(SignUpError::NotOpen("tenant_name")),
        (Some(_), _) => Err(SignUpError::NotOpen("tenant_id")),
        (None, TenantChoice::Named(name)) => {
            let tenant = next_number(transaction, NEXT_TENANT).await?;
            run(transaction, INSERT_TENANT, &[&tenant, &name.shown(), &name.key()]).await?;
            Ok(Place { tenant, role: Role::Owner, founded: true })
        }
        (None, _) => Err(SignUpError::NoSuchTenant),
    };
    Ok(answer)
}

/// Runs one statement, prepared once on each connection.
async fn run(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, DbError> {
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction.query(&statement, values).await?)
}

async fn next_number(transaction: &Transaction<'_>, sequence: &str) -> Result<i64, DbError> {
    let row = run(transaction, sequence, &[]).await?.pop().ok_or(DbError::Unavailable(None))?;
    Ok(row.get(0))
}
