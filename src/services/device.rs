//! A browser that logged in before. Its cookie says so after a logout too, so that others' guesses do not
//! keep its user out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

use crate::store::Candidate;

/// The most accounts that one browser is known for; the least recent ones are forgotten.
const MOST_ACCOUNTS: usize = 10;

/// A browser and the accounts that it logged in to, as its sealed cookie carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// A random number. Failures with the cookie are counted under it.
    pub id: [u8; 16],
    /// The most recent one first.
    accounts: Vec<Candidate>,
}

impl Device {
    /// A new browser.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self { id, accounts: Vec::new() })
    }

    /// A browser as its cookie describes it.
    pub fn of(id: [u8; 16], mut accounts: Vec<Candidate>) -> Self {
        accounts.truncate(MOST_ACCOUNTS);
        Self { id, accounts }
    }

    /// The accounts that the browser logged in to.
    pub fn accounts(&self) -> &[Candidate] {
        &self.accounts
    }

    /// The same browser after a login to `account`.
    #[must_use]
    pub fn with(mut self, account: Candidate) -> Self {
        self.accounts.retain(|known| *known != account);
        self.accounts.insert(0, account);
        self.accounts.truncate(MOST_ACCOUNTS);
        self
    }
}
