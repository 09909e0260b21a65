//! How an operation on the cluster reports its progress.

/// Takes one line of text. The command line prints it, the console logs it.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);
