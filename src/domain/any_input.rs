//! Made-up input for the values of this folder (docs/decisions/0027).

use proptest::prelude::*;

use super::{
    CONTENT_LIMIT, Email, IdempotencyKey, Identifier, NoteContent, NoteTitle, SearchWords, TenantName,
    Username, canonical,
};

/// Any characters, and those whose normal forms are odd.
fn text() -> impl Strategy<Value = String> {
    let odd = concat!(
        "[ \u{a0}\u{300}-\u{36f}\u{1100}-\u{11ff}\u{1e00}-\u{1fff}\u{2100}-\u{214f}\u{fb00}-\u{fdff}",
        "\u{ff00}-\u{ffef}ıſßŉǰΐΰİﬁ@.]{0,40}"
    );
    prop_oneof!["(?s:.{0,80})", odd]
}

proptest! {
    #[test]
    fn any_canonical_form_is_its_own(text in text()) {
        let once = canonical(&text);
        prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn any_name_is_found_as_it_is_shown(text in text()) {
        if let Ok(name) = Username::parse(&text) {
            let again = Username::parse(name.shown()).expect("a name that is shown is a name");
            prop_assert_eq!((again.shown(), again.key()), (name.shown(), name.key()));
            let stored = Identifier::all_of(&name, None);
            prop_assert_eq!(stored[0].hash(), Identifier::from_typed(&text).hash());
            prop_assert_eq!(stored[0].hash(), Identifier::from_typed(name.shown()).hash());
        }
        if let Ok(name) = TenantName::parse(&text) {
            let again = TenantName::parse(name.shown()).expect("a name that is shown is a name");
            prop_assert_eq!((again.shown(), again.key()), (name.shown(), name.key()));
        }
    }

    #[test]
    fn any_email_is_found_as_it_was_typed(
        text in prop_oneof![text(), "[^@ ]{1,20}@[^@ ]{1,10}\\.[a-z]{1,5}"],
    ) {
        if let Ok(Some(email)) = Email::parse_optional(&text) {
            prop_assert_eq!(email.shown(), text.trim());
            let name = Username::parse("x").expect("a name");
            let stored = Identifier::all_of(&name, Some(&email));
            prop_assert_eq!(stored[1].hash(), Identifier::from_typed(&text).hash());
        }
    }

    #[test]
    fn any_text_is_a_value_or_is_refused(text in text()) {
        if let Ok(content) = NoteContent::parse(text.as_str()) {
            prop_assert_eq!(content.as_str(), &text);
            prop_assert!(text.len() <= CONTENT_LIMIT);
        }
        if let Ok(Some(title)) = NoteTitle::parse_optional(&text) {
            prop_assert!(!title.as_str().contains(char::is_control));
        }
        if let Ok(Some(words)) = SearchWords::parse_optional(&text) {
            prop_assert!(!words.as_str().trim().is_empty());
        }
        if let Ok(key) = IdempotencyKey::parse(&text) {
            prop_assert!(key.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
