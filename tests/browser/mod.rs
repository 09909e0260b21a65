//! A user's journey in Chromium, with JavaScript and without.

mod kept_text;
mod tasks;
mod user_journey;
pub mod webdriver;
