//! A user's journey in Chromium, with JavaScript and without.

mod user_journey;
pub mod webdriver;
