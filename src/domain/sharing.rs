//! The recipients of a note, and the rights of its users.

use super::{Invalid, UserId};

/// The most users that one request may name.
pub const AUDIENCE_LIMIT: usize = 100;

/// What a share allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Read and change the text.
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

    /// The access of a row.
    pub(crate) fn from_row(word: &str) -> Self {
        if word == "edit" { Self::Edit } else { Self::Read }
    }

    /// Parses a user's input.
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

/// The recipients of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All members of the tenant, future ones included.
    Everyone,
    Members(Vec<UserId>),
}

impl Audience {
    /// Reads an audience from a path: `everyone` or the id of a user; none for any other text.
    pub fn parse_one(text: &str) -> Option<Self> {
        match text {
            "everyone" => Some(Self::Everyone),
            number => UserId::parse(number).map(|member| Self::Members(vec![member])),
        }
    }

    /// The values of `shares.audience`: 0 is everyone.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        match self {
            Self::Everyone => vec![0],
            Self::Members(members) => members.iter().map(|member| member.number()).collect(),
        }
    }
}

/// The relation of a user to a note that the user may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteRole {
    Author,
    Recipient(Access),
}

/// A right to a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read its text.
    Read,
    /// Change its text and read earlier texts.
    Edit,
    /// Delete, restore and share it, and see its recipients.
    Own,
}

impl NoteRole {
    /// Whether users with this relation have that right. No other function decides it.
    pub fn allows(self, right: Right) -> bool {
        match self {
            Self::Author => true,
            Self::Recipient(access) => {
                right == Right::Read || (right == Right::Edit && access == Access::Edit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_reads_may_edit_when_allowed_and_never_owns() {
        for right in [Right::Read, Right::Edit, Right::Own] {
            assert!(NoteRole::Author.allows(right));
            assert_eq!(NoteRole::Recipient(Access::Edit).allows(right), right != Right::Own);
            assert_eq!(NoteRole::Recipient(Access::Read).allows(right), right == Right::Read);
        }
    }

    #[test]
    fn an_audience_in_a_path_is_everyone_or_one_user() {
        assert_eq!(Audience::parse_one("everyone"), Some(Audience::Everyone));
        assert_eq!(Audience::parse_one("7").map(|audience| audience.numbers()), Some(vec![7]));
        for odd in ["", "0", "-1", "Everyone", "7,8", "x"] {
            assert_eq!(Audience::parse_one(odd), None, "{odd}");
        }
    }
}
