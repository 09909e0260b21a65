//! The roles of users in a tenant, and what each may do to others.

use super::Invalid;

/// The role of a user in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Created the tenant, or got this role from another owner.
    Owner,
    /// Manages members and invitations, but not owners.
    Admin,
    /// Writes and shares notes.
    Member,
}

impl Role {
    /// All roles, the highest first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Member];

    /// The word in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Parses a user's input.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(Invalid("A role is owner, admin or member."))
    }

    /// Reads the word in the database; an unknown word is the lowest role.
    pub(crate) fn from_row(word: &str) -> Self {
        match word {
            "owner" => Self::Owner,
            "admin" => Self::Admin,
            _ => Self::Member,
        }
    }

    /// Whether users of this role may invite others and see their e-mails.
    pub fn may_manage_members(self) -> bool {
        self != Self::Member
    }

    /// Whether users of this role may change and remove users of the role `other`, and may give that role.
    pub fn may_manage(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => other != Self::Owner,
            Self::Member => false,
        }
    }

    /// Whether users of this role may invite, and may invite as `other` if that is given.
    ///
    /// # Errors
    /// A sentence for users who may not.
    pub fn may_invite(self, other: Option<Self>) -> Result<(), Invalid> {
        if !self.may_manage_members() {
            return Err(Invalid("Only owners and admins invite."));
        }
        if other.is_some_and(|other| !self.may_manage(other)) {
            return Err(Invalid("Only an owner invites owners."));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn owners_manage_all_roles_admins_all_but_owners_and_members_none() {
        let managed = |manager: Role| Role::ALL.map(|role| manager.may_manage(role));
        assert_eq!(managed(Role::Owner), [true, true, true]);
        assert_eq!(managed(Role::Admin), [false, true, true]);
        assert_eq!(managed(Role::Member), [false, false, false]);
        assert!(Role::parse("Owner").is_err() && Role::parse("").is_err());
    }
}
