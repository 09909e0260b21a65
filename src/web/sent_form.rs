//! The fields of a form that was not accepted. The page that answers shows them, so that they need not be
//! typed again.

use std::collections::HashMap;

use super::redirect::local_path;

/// The fields that people type, with their labels. Other fields are sent again and not shown.
const TYPED: &[(&str, &str)] = &[
    ("tenant_name", "Organization"),
    ("name", "Name"),
    ("username", "User name"),
    ("email", "E-mail"),
    ("names", "User names"),
    ("uses", "Number of uses"),
    ("expires_in", "Seconds until it expires"),
    ("confirmation", "Name of the organization, to confirm"),
];
/// Parts of the names of fields that no page shows.
const SECRET: &[&str] = &["password", "token", "ticket", "choice"];

/// A form as it was sent, without its secrets.
#[derive(Clone, Debug)]
pub struct SentForm {
    /// The path and the query to which it was sent.
    pub action: String,
    /// What a person typed.
    pub typed: Vec<TypedField>,
    /// The names and values of the other fields.
    pub others: Vec<(String, String)>,
}

/// A field that a person filled in.
#[derive(Clone, Debug)]
pub struct TypedField {
    pub name: &'static str,
    pub label: &'static str,
    pub value: String,
}

impl SentForm {
    /// The form that was sent to `target`; none when it has no typed text, or where it could not be
    /// sent again.
    pub fn of(target: &str, fields: &HashMap<String, String>) -> Option<Self> {
        let action = local_path(target)?.to_owned();
        let typed: Vec<TypedField> = TYPED
            .iter()
            .filter_map(|(name, label)| {
                let value = fields.get(*name).filter(|value| !value.trim().is_empty())?.clone();
                Some(TypedField { name, label, value })
            })
            .collect();
        let is_typed = |name: &str| typed.iter().any(|field| field.name == name);
        let is_secret = |name: &str| SECRET.iter().any(|part| name.contains(part));
        let mut others: Vec<(String, String)> = fields
            .iter()
            .filter(|(name, _)| !is_typed(name) && !is_secret(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        others.sort();
        (!typed.is_empty()).then_some(Self { action, typed, others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(target: &str, fields: &[(&str, &str)]) -> Option<SentForm> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        SentForm::of(target, &fields)
    }

    #[test]
    fn what_was_typed_is_kept_and_secrets_are_not() {
        let fields =
            [("name", "Bird & co"), ("join_policy", "open"), ("current_password", "x"), ("token", "y")];
        let sent = form("/organization?tenant=7", &fields).expect("a form");
        assert_eq!(sent.action, "/organization?tenant=7");
        assert_eq!(sent.typed.len(), 1);
        assert_eq!((sent.typed[0].label, sent.typed[0].value.as_str()), ("Name", "Bird & co"));
        assert_eq!(sent.others, [("join_policy".to_owned(), "open".to_owned())]);
    }

    #[test]
    fn a_form_without_typed_text_or_of_another_site_is_not_kept() {
        assert!(form("/members/7/role", &[("role", "admin")]).is_none());
        assert!(form("/organization", &[("name", " ")]).is_none());
        assert!(form("//evil.test/", &[("name", "x")]).is_none());
    }
}
