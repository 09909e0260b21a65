//! What the organization and the user use, in words and as meters.

use crate::domain::Limit;
use crate::store::Usage;

/// A line about one limit.
pub struct UsageLine {
    pub label: &'static str,
    pub used: String,
    /// Empty for no limit.
    pub allowed: String,
    /// Used and allowed for the meter, and where it warns; none for no limit.
    pub meter: Option<Meter>,
}

/// The numbers of a meter.
pub struct Meter {
    pub used: i64,
    pub allowed: i64,
    /// Nine tenths of what is allowed.
    pub high: i64,
}

/// The lines of the organization.
pub fn of_organization(usage: &Usage) -> Vec<UsageLine> {
    vec![
        line(usage, "Members", usage.tenant.members, Limit::Members, number),
        line(usage, "Notes", usage.tenant.notes, Limit::Notes, number),
        line(usage, "Text, with the bin and earlier texts", usage.tenant.bytes, Limit::Bytes, size),
        line(usage, "Imports that run now", usage.imports, Limit::Imports, number),
    ]
}

/// The lines of the user.
pub fn of_person(usage: &Usage) -> Vec<UsageLine> {
    vec![
        line(usage, "Notes", usage.person.notes, Limit::NotesPerPerson, number),
        line(usage, "Browsers", usage.person.sessions, Limit::SessionsPerPerson, number),
        line(usage, "Tokens of scripts", usage.person.tokens, Limit::TokensPerPerson, number),
    ]
}

fn line(usage: &Usage, label: &'static str, used: i64, limit: Limit, words: fn(i64) -> String) -> UsageLine {
    let allowed = usage.limits.get(limit);
    // Counts of a process that did not know them yet may be off, and a recount mends them.
    let used = used.max(0);
    UsageLine {
        label,
        used: words(used),
        allowed: allowed.map(words).unwrap_or_default(),
        meter: allowed.map(|allowed| Meter { used, allowed, high: allowed * 9 / 10 }),
    }
}

/// With commas between thousands.
fn number(amount: i64) -> String {
    let digits = amount.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "a size in words, roughly")]
fn size(bytes: i64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >= 1 << shift) {
        Some((unit, shift)) => {
            let amount = format!("{:.1}", bytes as f64 / (1_i64 << shift) as f64);
            format!("{} {unit}", amount.strip_suffix(".0").unwrap_or(&amount))
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([17, 1024, 1536, 2 << 30].map(size), ["17 bytes", "1 KiB", "1.5 KiB", "2 GiB"]);
    }
}
