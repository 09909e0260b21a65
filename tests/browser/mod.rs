//! The journey of a person in a real browser, with JavaScript and without.

pub mod driver;
mod journey;
