//! Headings: their levels below the heading of the page, their names in links, and the table of contents.

use std::collections::HashSet;

/// A section of a text, by its heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// 2 to 6: the page has the heading of level 1.
    pub level: u8,
    /// The id of the heading's element.
    pub id: String,
    pub title: String,
}

/// The longest name of a section, in characters.
const NAME_CHARACTERS: usize = 60;
/// The most sections. Headings behind them have no id.
const MOST_SECTIONS: usize = 200;

/// The headings of a text, in its order.
#[derive(Default)]
pub struct Headings {
    /// The typed levels of the sections that are open.
    open: Vec<u8>,
    used: HashSet<String>,
    pub sections: Vec<Section>,
}

impl Headings {
    /// The level at which a heading of the typed level is shown: one below the heading that it belongs to, so
    /// that no level is left out, whatever was typed.
    pub fn level(&mut self, typed: u8) -> u8 {
        while self.open.last().is_some_and(|open| *open >= typed) {
            self.open.pop();
        }
        self.open.push(typed);
        u8::try_from(self.open.len() + 1).unwrap_or(6).min(6)
    }

    /// Counts the next heading as the first.
    pub fn begin_again(&mut self) {
        self.open.clear();
    }

    /// Adds a section and gives its id; none when there are too many sections.
    pub fn add(&mut self, level: u8, title: &str) -> Option<String> {
        if self.sections.len() == MOST_SECTIONS {
            return None;
        }
        let name = id_of(title);
        let mut id = name.clone();
        let mut number = 1;
        while !self.used.insert(id.clone()) {
            number += 1;
            id = format!("{name}-{number}");
        }
        self.sections.push(Section { level, id: id.clone(), title: title.trim().to_owned() });
        Some(id)
    }
}

/// The id of a section by its name: letters and digits of all scripts, in lower case, with hyphens between
/// the words. It begins as no other id on a page does.
pub fn id_of(name: &str) -> String {
    let mut id = "section".to_owned();
    let mut is_behind_word = true;
    for character in name.chars().take(NAME_CHARACTERS) {
        if character.is_alphanumeric() {
            if is_behind_word {
                id.push('-');
            }
            id.extend(character.to_lowercase());
        }
        is_behind_word = !character.is_alphanumeric() && character != '\'' && character != '’';
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_is_left_out() {
        let shown = |typed: &[u8]| {
            let mut headings = Headings::default();
            typed.iter().map(|level| headings.level(*level)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[1, 2, 3, 2, 1]), [2, 3, 4, 3, 2]);
        assert_eq!(shown(&[3, 2, 3, 6, 1]), [2, 2, 3, 4, 2]);
        assert_eq!(shown(&[1, 2, 3, 4, 5, 6]), [2, 3, 4, 5, 6, 6]);
    }

    #[test]
    fn each_section_has_an_id_of_its_own() {
        let mut headings = Headings::default();
        let mut id = |title: &str| headings.add(2, title).expect("few sections");
        assert_eq!(id("What's new, 2026?"), "section-whats-new-2026");
        assert_eq!(id("whats NEW 2026"), "section-whats-new-2026-2");
        assert_eq!(id("Überblick 会议"), "section-überblick-会议");
        assert_eq!((id(""), id("!")), ("section".to_owned(), "section-2".to_owned()));
        assert_eq!(id("section 2"), "section-section-2");
    }
}
