//! The page with the login form. The login shows it, and so does a note's form that was sent after the
//! session had ended.

use askama::Template;

use super::draft::Draft;
use crate::web::{FieldErrors, Frame};

/// The page.
#[derive(Template)]
#[template(path = "login/new.html")]
pub struct LoginFormPage {
    pub frame: Frame,
    pub email: String,
    pub tenant_name: String,
    pub ask_tenant: bool,
    pub remember: bool,
    pub next: String,
    pub add: bool,
    pub draft: Option<Draft>,
    pub errors: FieldErrors,
}

impl LoginFormPage {
    /// The page with an empty form.
    pub fn empty(frame: Frame) -> Self {
        Self {
            frame,
            email: String::new(),
            tenant_name: String::new(),
            ask_tenant: false,
            remember: false,
            next: String::new(),
            add: false,
            draft: None,
            errors: FieldErrors::default(),
        }
    }
}
