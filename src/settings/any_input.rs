//! Made-up values of settings (docs/decisions/0027). BIND and ADMIN_BIND get numbers only, because names
//! would be looked up.

use clap::CommandFactory;
use proptest::prelude::*;

use super::{BrokerUrl, Origins, Settings};

/// The names of all settings.
fn names() -> Vec<String> {
    let command = Settings::command();
    command.get_arguments().filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned())).collect()
}

const LOOKED_UP: [&str; 2] = ["BIND", "ADMIN_BIND"];
/// Settings whose values no message may repeat.
const SECRETS: [&str; 7] = [
    "SECRET_KEY",
    "SECRET_KEY_PREVIOUS",
    "ADMIN_TOKEN",
    "DATABASE_URL",
    "AMQP_URL",
    "NODE_PASSWORD",
    "WEB_PASSWORD",
];

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "(?s:.{0,40})",
        "[0-9.eE+-]{1,12}",
        "(NaN|inf|-0|1e400|on|off|Yes|production|development)",
        "(https?|postgresql|amqps?)://[a-z@:/.\\[\\]%?=&0-9-]{0,40}",
        "[0-9a-f]{64,140}",
    ]
}

proptest! {
    #[test]
    fn any_value_of_a_setting_is_used_or_refused_by_name(
        setting in prop::sample::select(names()),
        value in values(),
        numbers in "[0-9]{1,3}(\\.[0-9]{1,3}){3}:[0-9]{1,6}",
        production in any::<bool>(),
    ) {
        let value = if LOOKED_UP.contains(&setting.as_str()) { numbers } else { value };
        let environment = if production { "production" } else { "development" };
        let read = Settings::read(|name| match name {
            name if name == setting => Some(value.clone()),
            "APP_ENV" => Some(environment.to_owned()),
            _ => None,
        });
        let Err(refusal) = read else { return Ok(()) };
        let refusal = refusal.to_string();
        prop_assert!(!refusal.contains('\n'), "{}", refusal);
        prop_assert!(
            refusal.starts_with(|letter: char| letter.is_ascii_uppercase()),
            "a refusal begins with a name: {}", refusal
        );
        if SECRETS.contains(&setting.as_str()) && value.trim().len() > 12 {
            prop_assert!(!refusal.contains(value.trim()), "{}", refusal);
        }
    }

    #[test]
    fn any_text_is_a_list_of_origins_or_is_refused(
        text in prop_oneof!["(?s:.{0,60})", "(https?://[a-z0-9.:\\[\\]-]{0,20},? ?){0,3}"],
    ) {
        if let Ok(origins) = text.parse::<Origins>() {
            for origin in origins.or_local(5000) {
                let url = url::Url::parse(&origin).expect("a URL");
                prop_assert_eq!(url.origin().ascii_serialization(), origin);
            }
        }
    }

    #[test]
    fn any_text_is_the_url_of_a_broker_or_is_refused(
        text in prop_oneof!["(?s:.{0,60})", "amqps?://[a-z@:/.%0-9-]{0,40}"],
    ) {
        let _ = BrokerUrl::parse(&text);
    }
}
