//! The audience of a share, as a request names it.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{AUDIENCE_LIMIT, Access, Audience};
use crate::store::Sharing;
use crate::web::{CurrentUser, Error, FieldErrors};

/// The audience of a share.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ShareWith {
    /// The word `everyone`: all members of the organization, also those who join later.
    Word(String),
    /// The ids of 1 to 100 users.
    People(Vec<i64>),
}

// By hand, as the derived one reads the whole value into a copy of 32 bytes for each element before it
// decides which variant it is.
impl<'de> Deserialize<'de> for ShareWith {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShareWithVisitor)
    }
}

struct ShareWithVisitor;

impl<'de> Visitor<'de> for ShareWithVisitor {
    type Value = ShareWith;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"everyone\" or 1 to {AUDIENCE_LIMIT} people's numbers")
    }

    fn visit_str<E>(self, word: &str) -> Result<ShareWith, E> {
        Ok(ShareWith::Word(word.to_owned()))
    }

    /// Ends with an error at the first element beyond the limit, and reads no further.
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<ShareWith, A::Error> {
        let mut people = Vec::new();
        while let Some(person) = elements.next_element()? {
            if people.len() == AUDIENCE_LIMIT {
                return Err(A::Error::invalid_length(AUDIENCE_LIMIT + 1, &self));
            }
            people.push(person);
        }
        Ok(ShareWith::People(people))
    }
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::de::value::{Error as ValueError, SeqDeserializer};

    use super::*;

    /// How many of `count` numbers are read, and what comes of them.
    fn read(count: usize) -> (usize, Result<ShareWith, ValueError>) {
        let taken = Cell::new(0);
        let numbers = std::iter::repeat_n(7_i64, count).inspect(|_| taken.set(taken.get() + 1));
        let parsed = ShareWith::deserialize(SeqDeserializer::new(numbers));
        (taken.get(), parsed)
    }

    #[test]
    fn an_audience_is_read_up_to_its_limit_and_no_further() {
        assert!(matches!(read(AUDIENCE_LIMIT), (AUDIENCE_LIMIT, Ok(ShareWith::People(_)))));
        let (taken, parsed) = read(1_000_000);
        assert!(parsed.is_err());
        assert_eq!(taken, AUDIENCE_LIMIT + 1);
    }

    #[test]
    fn an_audience_of_another_type_is_refused_at_its_first_element() {
        for wrong in ["[[1]]", "[\"1\"]", "{\"a\":1}", "[{}]", "1", "null", "[1.5]", "[true]"] {
            assert!(serde_json::from_str::<ShareWith>(wrong).is_err(), "{wrong}");
        }
        let parsed = serde_json::from_str("\"every\\u006fne\"");
        assert!(matches!(parsed, Ok(ShareWith::Word(word)) if word == "everyone"));
    }
}
