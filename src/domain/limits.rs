//! How much a tenant and a person may use, and what counts.

use super::notes::{NoteContent, NoteTitle};

/// What is limited. The limits of a person hold for each user of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// People in the tenant.
    Members,
    /// Notes in use of the tenant; those in the bin count their bytes alone.
    Notes,
    /// Notes in use of which one person is the author.
    NotesPerPerson,
    /// Bytes of the tenant's texts; see [`counted_bytes`].
    Bytes,
    /// Bearer tokens of one person that are in force.
    TokensPerPerson,
    /// Logins of one person in browsers. A login beyond it ends the one that was unused for longest.
    SessionsPerPerson,
    /// Imports of the tenant that run at one time, with their uploads.
    Imports,
    /// Requests a second of the tenant, in one process.
    Requests,
    /// Requests a second of one person, in one process.
    RequestsPerPerson,
}

impl Limit {
    /// All limits, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Members,
        Self::Notes,
        Self::NotesPerPerson,
        Self::Bytes,
        Self::TokensPerPerson,
        Self::SessionsPerPerson,
        Self::Imports,
        Self::Requests,
        Self::RequestsPerPerson,
    ];

    /// The name in JSON, on the command line and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Notes => "notes",
            Self::NotesPerPerson => "notes_per_person",
            Self::Bytes => "bytes",
            Self::TokensPerPerson => "tokens_per_person",
            Self::SessionsPerPerson => "sessions_per_person",
            Self::Imports => "imports",
            Self::Requests => "requests",
            Self::RequestsPerPerson => "requests_per_person",
        }
    }

    /// The limit of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.as_str() == name)
    }

    /// What it limits, for an operator or an owner.
    pub fn label(self) -> &'static str {
        match self {
            Self::Members => "Members",
            Self::Notes => "Notes",
            Self::NotesPerPerson => "Notes of one person",
            Self::Bytes => "Bytes of text",
            Self::TokensPerPerson => "Tokens of one person",
            Self::SessionsPerPerson => "Browsers of one person",
            Self::Imports => "Imports at one time",
            Self::Requests => "Requests a second",
            Self::RequestsPerPerson => "Requests a second of one person",
        }
    }

    /// What a user reads whose request is refused.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Members => "This organization has as many members as it may have.",
            Self::Notes => {
                "Your organization has as many notes as it may have. Notes in the bin do not count."
            }
            Self::NotesPerPerson => "You have as many notes as you may have. Notes in the bin do not count.",
            Self::Bytes => {
                "Your organization has no room for more text. Ask an owner: an operator can give it more."
            }
            Self::TokensPerPerson => {
                "You have as many tokens as you may have. Log one out that you no longer need."
            }
            Self::SessionsPerPerson => "You are logged in in as many browsers as you may be.",
            Self::Imports => {
                "Other people of your organization import notes now. Try again when they are done."
            }
            Self::Requests | Self::RequestsPerPerson => "There were too many requests; wait a moment.",
        }
    }
}

/// An amount for each limit; 0 stands for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageLimits([i64; Limit::ALL.len()]);

impl UsageLimits {
    /// The limits of these amounts.
    pub fn of(amount: impl Fn(Limit) -> i64) -> Self {
        Self(Limit::ALL.map(|limit| amount(limit).max(0)))
    }

    /// The amount as it is stored: 0 for no limit.
    pub fn stored(&self, limit: Limit) -> i64 {
        self.0[limit as usize]
    }

    /// The amount; none for no limit.
    pub fn get(&self, limit: Limit) -> Option<i64> {
        Some(self.stored(limit)).filter(|amount| *amount > 0)
    }

    /// These limits with what an operator set for one tenant.
    pub fn with(&self, overrides: &LimitOverrides) -> Self {
        Self::of(|limit| overrides.get(limit).unwrap_or_else(|| self.stored(limit)))
    }
}

/// What an operator set for one tenant; none where the settings decide, 0 for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitOverrides([Option<i64>; Limit::ALL.len()]);

impl LimitOverrides {
    /// The overrides of these amounts.
    pub fn of(amount: impl FnMut(Limit) -> Option<i64>) -> Self {
        Self(Limit::ALL.map(amount))
    }

    /// What is set for one limit.
    pub fn get(&self, limit: Limit) -> Option<i64> {
        self.0[limit as usize]
    }

    /// What is set for each limit, in the order of [`Limit::ALL`].
    pub fn amounts(&self) -> [Option<i64>; Limit::ALL.len()] {
        self.0
    }

    /// For a list of what operators did: `notes=5000, bytes=none`.
    pub fn in_words(&self) -> String {
        let set = Limit::ALL.into_iter().filter_map(|limit| {
            let amount = self.get(limit)?;
            let amount = if amount == 0 { "none".to_owned() } else { amount.to_string() };
            Some(format!("{}={amount}", limit.as_str()))
        });
        let set: Vec<String> = set.collect();
        if set.is_empty() { "the settings".to_owned() } else { set.join(", ") }
    }

    /// Sets or clears one limit.
    pub fn set(&mut self, limit: Limit, amount: Option<i64>) {
        self.0[limit as usize] = amount;
    }
}

/// What a text costs beside its own bytes, as the database keeps a row, index entries and words with it. So
/// many empty texts are not for nothing. The migration of the limits has the same number.
const BYTES_OF_A_ROW: usize = 256;

/// The bytes that a text counts: those of its title and content in UTF-8, and 256.
pub fn counted_bytes(title: Option<&NoteTitle>, content: &NoteContent) -> i64 {
    let bytes = BYTES_OF_A_ROW + title.map_or(0, |title| title.as_str().len()) + content.as_str().len();
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The amount that an operator writes: a number, a number with k, M, G or Ki, Mi, Gi, or "none" for no limit.
///
/// # Errors
/// The rest of a sentence that begins with the name of what was written.
pub fn parse_amount(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(0);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => Some(1),
        "k" => Some(1000),
        "M" => Some(1_000_000),
        "G" => Some(1_000_000_000),
        "Ki" => Some(1 << 10),
        "Mi" => Some(1 << 20),
        "Gi" => Some(1 << 30),
        _ => None,
    };
    let number = digits.trim_end().parse::<i64>().ok().filter(|number| *number >= 0);
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|amount| *amount <= LARGEST_AMOUNT)
        .ok_or_else(|| "must be a number such as 1000 or 2Gi, or none".to_owned())
}

/// Sums of amounts stay numbers that JSON and JavaScript hold.
const LARGEST_AMOUNT: i64 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_wins_and_zero_is_no_limit() {
        let defaults = UsageLimits::of(|limit| if limit == Limit::Notes { 7 } else { 0 });
        let mut overrides = LimitOverrides::default();
        assert_eq!(defaults.with(&overrides), defaults);
        overrides.set(Limit::Notes, Some(0));
        overrides.set(Limit::Bytes, Some(9));
        let limits = defaults.with(&overrides);
        assert_eq!((limits.get(Limit::Notes), limits.get(Limit::Bytes)), (None, Some(9)));
    }

    #[test]
    fn limits_are_kept_at_their_own_place() {
        for limit in Limit::ALL {
            let limits = UsageLimits::of(|other| i64::from(other == limit));
            assert_eq!(Limit::ALL.into_iter().filter_map(|other| limits.get(other)).sum::<i64>(), 1);
            assert_eq!(limits.get(limit), Some(1));
            assert_eq!(Limit::parse(limit.as_str()), Some(limit));
        }
    }

    #[test]
    fn amounts_are_numbers_with_a_unit() {
        for (text, amount) in [("0", 0), ("none", 0), ("1000", 1000), ("2Gi", 2 << 30), (" 5 k ", 5000)] {
            assert_eq!(parse_amount(text), Ok(amount), "{text}");
        }
        for text in ["", "-1", "many", "1X", "9999999999999G", "k"] {
            assert!(parse_amount(text).is_err(), "{text}");
        }
    }
}
