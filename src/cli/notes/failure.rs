//! Why a command of `notes` failed: one plain line, and the exit code by which a script decides what to do.

use std::process::ExitCode;

use super::display;

/// The exit codes of a failure. docs/notes-client.md and the help list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    Other = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The token is missing, has ended, or does not allow this.
    LoginFirst = 3,
    NotFound = 4,
    /// The note has changed in the meantime.
    Conflict = 5,
    /// The server is busy, limits requests, or gave no answer.
    TryLater = 6,
}

/// What is known about a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestFate {
    /// The server refused it, or it was never sent: nothing has changed.
    NoEffect,
    /// It was sent, and no answer came: the server may have done the work.
    Unknown,
}

/// A failed command.
#[derive(Debug)]
pub(super) struct ClientFailure {
    kind: FailureKind,
    fate: RequestFate,
    /// The connection failed, so another attempt may succeed.
    connection_failed: bool,
    sentence: String,
}

impl ClientFailure {
    pub(super) fn new(kind: FailureKind, sentence: impl AsRef<str>) -> Self {
        let sentence = display::line(sentence.as_ref());
        Self { kind, fate: RequestFate::NoEffect, connection_failed: false, sentence }
    }

    pub(super) fn other(sentence: impl AsRef<str>) -> Self {
        Self::new(FailureKind::Other, sentence)
    }

    /// A failure of a file or of another part of the system, with its causes.
    pub(super) fn of_system(doing: &str, error: &dyn std::error::Error) -> Self {
        let mut sentence = format!("{doing}: {error}");
        let mut cause = error.source();
        while let Some(found) = cause {
            sentence = format!("{sentence}: {found}");
            cause = found.source();
        }
        Self::other(sentence)
    }

    /// No answer came.
    pub(super) fn unanswered(fate: RequestFate, connection_failed: bool, sentence: &str) -> Self {
        Self { fate, connection_failed, ..Self::new(FailureKind::TryLater, sentence) }
    }

    /// The same after an earlier attempt that may have done the work.
    pub(super) fn of_unknown_fate(self) -> Self {
        Self { fate: RequestFate::Unknown, ..self }
    }

    /// The user ended the command while the server worked.
    pub(super) fn interrupted() -> Self {
        Self { fate: RequestFate::Unknown, ..Self::other("Interrupted.") }
    }

    pub(super) fn fate(&self) -> RequestFate {
        self.fate
    }

    pub(super) fn connection_failed(&self) -> bool {
        self.connection_failed
    }

    /// The same with another sentence of ours after it. The path of a file stays exact.
    pub(super) fn and(mut self, sentence: &str) -> Self {
        self.sentence = format!("{} {}", self.sentence, display::text(sentence).replace('\n', " "));
        self
    }

    pub(super) fn sentence(&self) -> &str {
        &self.sentence
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl From<anyhow::Error> for ClientFailure {
    fn from(error: anyhow::Error) -> Self {
        Self::other(format!("{error:#}"))
    }
}
