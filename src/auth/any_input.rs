//! Made-up input for the tokens (docs/decisions/0027).

use proptest::prelude::*;

use super::token::{InvitationToken, Token};

proptest! {
    #[test]
    fn any_text_is_a_token_or_none(
        text in prop_oneof!["(?s:.{0,80})", "phi?_[0-9+-]{0,21}_[A-Za-z0-9_-]{41,45}.?"],
    ) {
        if let Some(token) = Token::parse(&text) {
            prop_assert_eq!(token.expose(), &text);
            prop_assert!(token.tenant().number() > 0);
            let start = format!("ph_{}_", token.tenant());
            prop_assert!(text.starts_with(&start));
            prop_assert!(InvitationToken::parse(&text).is_none());
        }
        if let Some(token) = InvitationToken::parse(&text) {
            prop_assert_eq!(token.expose(), &text);
            let start = format!("phi_{}_", token.tenant());
            prop_assert!(text.starts_with(&start));
        }
    }
}
