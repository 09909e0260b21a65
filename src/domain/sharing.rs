//! With whom a note is shared, and for what.

use super::{Invalid, UserId};

/// The most people that one request may name.
pub const AUDIENCE_LIMIT: usize = 100;

/// What a share allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and changing the text.
    Edit,
}

impl Access {
    /// The word in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Edit => "edit",
        }
    }

    /// Reads what was typed or sent.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "" | "read" => Ok(Self::Read),
            "edit" => Ok(Self::Edit),
            _ => Err(Invalid("Access is either read or edit.")),
        }
    }
}

/// Who gets to see a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the tenant, also those who come later.
    Everyone,
    /// These people.
    Members(Vec<UserId>),
}

impl Audience {
    /// The numbers that stand for it in `shares.audience`: 0 is everyone.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        match self {
            Self::Everyone => vec![0],
            Self::Members(members) => members.iter().map(|member| member.number()).collect(),
        }
    }
}
