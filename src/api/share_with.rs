//! The audience of a share, as a request names it.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{AUDIENCE_LIMIT, Access, Audience};
use crate::store::Sharing;
use crate::web::{CurrentUser, Error, FieldErrors};

/// The audience of a share.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub enum ShareWith {
    /// The word `everyone`: all members of the organization, also those who join later.
    Word(String),
    /// The ids of 1 to 100 users.
    People(Vec<i64>),
}

// By hand, as the derived schema has no bounds for the values of variants.
impl PartialSchema for ShareWith {
    fn schema() -> RefOr<Schema> {
        let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["everyone"]));
        let id = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let people = ArrayBuilder::new().items(id.build()).min_items(Some(1)).max_items(Some(AUDIENCE_LIMIT));
        let description = "The word `everyone`: all members of the organization, also those who join later. \
                           Or the ids of 1 to 100 users.";
        OneOfBuilder::new().item(word).item(people).description(Some(description)).into()
    }
}

impl ToSchema for ShareWith {}

impl ShareWith {
    /// The parsed audience, whose users exist in the tenant of `user`, and its access, which is `read` when
    /// it is not given.
    ///
    /// # Errors
    /// 422 that names the field.
    pub async fn parse(&self, user: &CurrentUser, access: Option<&str>) -> Result<Sharing, Error> {
        let mut errors = FieldErrors::default();
        let access = errors.keep("access", Access::parse(access.unwrap_or_default()));
        let access = access.ok_or(Error::Invalid(errors))?;
        Ok(Sharing { audience: self.audience(user).await?, access })
    }

    async fn audience(&self, user: &CurrentUser) -> Result<Audience, Error> {
        let refuse = |message| Err(Error::Invalid(FieldErrors::one("share_with", message)));
        let mut numbers = match self {
            Self::Word(word) if word == "everyone" => return Ok(Audience::Everyone),
            Self::Word(_) => return refuse("This is \"everyone\" or a list of people's numbers."),
            Self::People(numbers) => numbers.clone(),
        };
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() || numbers.len() > AUDIENCE_LIMIT {
            return refuse("Name 1 to 100 people, or \"everyone\".");
        }
        let members: Option<Vec<_>> =
            user.tenant.colleagues_among(user.id, &numbers).await?.into_iter().collect();
        members.map_or_else(
            || refuse("Each of these has to be another member of this organization."),
            |members| Ok(Audience::Members(members)),
        )
    }
}
