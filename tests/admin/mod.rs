//! The operator's console: what it shows, and what can be done over it.

mod access;
mod axe;
mod doing;
mod pages;
mod role;
