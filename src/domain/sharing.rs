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

    /// The access of a row.
    pub(crate) fn from_row(word: &str) -> Self {
        if word == "edit" { Self::Edit } else { Self::Read }
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
    /// Reads an audience as it stands in a path: `everyone`, or the number of a person; none for anything
    /// else.
    pub fn parse_one(text: &str) -> Option<Self> {
        match text {
            "everyone" => Some(Self::Everyone),
            number => UserId::parse(number).map(|member| Self::Members(vec![member])),
        }
    }

    /// The numbers that stand for it in `shares.audience`: 0 is everyone.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        match self {
            Self::Everyone => vec![0],
            Self::Members(members) => members.iter().map(|member| member.number()).collect(),
        }
    }
}

/// What somebody is to a note that they may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteRole {
    /// They wrote it.
    Author,
    /// It was shared with them.
    Recipient(Access),
}

/// What somebody wants to do with a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// See its text.
    Read,
    /// Change its text and see what it said before.
    Edit,
    /// Delete, restore and share it, and see who has it.
    Own,
}

impl NoteRole {
    /// Whether somebody of this standing has that right. This is the only place that decides it.
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
    fn an_audience_in_a_path_is_everyone_or_one_person() {
        assert_eq!(Audience::parse_one("everyone"), Some(Audience::Everyone));
        assert_eq!(Audience::parse_one("7").map(|audience| audience.numbers()), Some(vec![7]));
        for odd in ["", "0", "-1", "Everyone", "7,8", "x"] {
            assert_eq!(Audience::parse_one(odd), None, "{odd}");
        }
    }
}
