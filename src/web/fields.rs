//! Error messages for the fields of a form or of a JSON body.

use crate::domain::Invalid;

/// Messages by field. The empty name is the form as a whole.
#[derive(Clone, Debug, Default)]
pub struct FieldErrors {
    messages: Vec<(&'static str, String)>,
}

impl FieldErrors {
    /// One message for one field.
    pub fn one(field: &'static str, message: impl Into<String>) -> Self {
        Self { messages: vec![(field, message.into())] }
    }

    /// Adds a message for a field.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.messages.push((field, message.into()));
    }

    /// The value, or none after adding the message of its error.
    pub fn keep<T>(&mut self, field: &'static str, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|Invalid(message)| self.add(field, message)).ok()
    }

    /// The message for a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.messages.iter().find(|(name, _)| *name == field).map(|(_, message)| message.as_str())
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Field and message, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.messages.iter().map(|(field, message)| (*field, message.as_str()))
    }
}
