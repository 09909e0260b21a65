//! Starting and stopping the real program.

mod embedded;
mod settings;
