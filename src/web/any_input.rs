//! Made-up input for the parsers of requests (docs/decisions/0027).

use actix_web::cookie::Key;
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::Value;

use super::body::{decode_form, parse_json};
use super::cookie::{seal, unseal};
use super::paging::{decode, encode};
use super::redirect::local_path;
use crate::domain::NoteId;

proptest! {
    #[test]
    fn any_text_is_a_cursor_or_the_start(text in prop_oneof!["(?s:.{0,40})", "[A-Za-z0-9_=-]{20,24}"]) {
        if let Some(position) = decode(&text) {
            prop_assert_eq!(encode(position), text);
        }
    }

    #[test]
    fn any_position_survives_as_a_cursor(
        micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000,
        id in any::<i64>(),
    ) {
        let time = DateTime::from_timestamp_micros(micros).expect("a time");
        #[allow(clippy::disallowed_methods, reason = "a test has no database")]
        let position = (time, NoteId::from_row(id));
        prop_assert_eq!(decode(&encode(position)), Some(position));
    }

    #[test]
    fn any_sealed_text_is_opened_by_its_own_key_and_purpose_only(
        text in "(?s:.{0,60})",
        at in any::<prop::sample::Index>(),
        byte in "[A-Za-z0-9+/=%; ]",
    ) {
        let key = Key::from(&[7; 64]);
        let sealed = seal(&key, "purpose", text.clone());
        prop_assert_eq!(unseal(&key, "purpose", &sealed), Some(text));
        prop_assert_eq!(unseal(&key, "another", &sealed), None);
        prop_assert_eq!(unseal(&Key::from(&[8; 64]), "purpose", &sealed), None);
        let at = at.index(sealed.len());
        let mut changed = sealed.clone();
        changed.replace_range(at..=at, &byte);
        if changed.trim_end_matches('=') != sealed.trim_end_matches('=') {
            prop_assert_eq!(unseal(&key, "purpose", &changed), None);
        }
    }

    #[test]
    fn any_text_is_no_sealed_text(text in "(?s:.{0,120})") {
        prop_assert_eq!(unseal(&Key::from(&[7; 64]), "purpose", &text), None);
    }

    #[test]
    fn any_fields_survive_as_a_form(
        fields in prop::collection::hash_map("(?s:.{1,8})", "(?s:.{0,20})", 0..6),
    ) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        prop_assert_eq!(decode_form(body.as_bytes(), usize::MAX).expect("a form"), fields);
    }

    #[test]
    fn any_bytes_are_a_form_or_are_refused(
        bytes in prop_oneof![
            any::<Vec<u8>>(),
            "[a-f0-9%&=+;\u{e4}]{0,60}".prop_map(String::into_bytes),
        ],
    ) {
        let _ = decode_form(&bytes, usize::MAX);
        let _ = parse_json::<Value>(&bytes);
    }

    #[test]
    fn any_target_that_is_followed_stays_on_this_site(
        target in prop_oneof!["(?s:.{0,40})", "[/\\\\.a-z:@%?#\t]{0,20}"],
    ) {
        if let Some(path) = local_path(&target) {
            prop_assert!(path.starts_with('/') && !path[1..].starts_with(['/', '\\']));
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
