//! Ties lines of the log to the request or the message that caused them. The id travels with the task, so
//! that a line written in any folder carries it and no function has to pass it on (docs/LOGGING.md).

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use log::Level;

tokio::task_local! {
    static CURRENT: Arc<LogContext>;
}

/// The request or the message that the current task works for.
#[derive(Debug)]
pub struct LogContext {
    fields: String,
    cause: Mutex<Option<Cause>>,
    route: OnceLock<&'static str>,
    refusal_logged: AtomicBool,
}

/// Why a request is answered with an error.
#[derive(Debug)]
pub struct Cause {
    /// `Error` for a fault of the program, `Warn` for one that may pass by itself.
    pub level: Level,
    /// The error with all its sources.
    pub text: String,
}

impl LogContext {
    /// The context of an HTTP request.
    pub fn of_request(id: &str) -> Arc<Self> {
        Self::with_fields(format!("request={id}"))
    }

    /// The context of a message out of a tenant's outbox.
    pub fn of_message(tenant: impl fmt::Display, message: impl fmt::Display) -> Arc<Self> {
        Self::with_fields(format!("tenant={tenant} message={message}"))
    }

    fn with_fields(fields: String) -> Arc<Self> {
        Arc::new(Self {
            fields,
            cause: Mutex::default(),
            route: OnceLock::new(),
            refusal_logged: AtomicBool::new(false),
        })
    }

    /// Runs `future` in this context: each line that it logs carries the fields.
    pub fn scope<F: Future>(self: Arc<Self>, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Takes the cause that [`keep_cause`] kept, if there is one.
    pub fn take_cause(&self) -> Option<Cause> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The pattern of the route that the request matched, such as `/invitations/{token}`, for lines of the
    /// log: the path itself may be a secret.
    pub fn route(&self) -> Option<&'static str> {
        self.route.get().copied()
    }

    /// Whether the security log has a line about the refusal of this request.
    pub fn refusal_is_logged(&self) -> bool {
        self.refusal_logged.load(Ordering::Relaxed)
    }
}

impl fmt::Display for LogContext {
    /// The fields as they end a line: `request=0123456789abcdef`, or `tenant=7 message=42`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fields)
    }
}

/// The context of the current task, if it has one.
pub fn current() -> Option<Arc<LogContext>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Keeps the pattern of the route that the current request matched.
pub fn set_route(pattern: &'static str) {
    if let Some(context) = current() {
        let _ = context.route.set(pattern);
    }
}

/// Notes that the refusal of the current request has its line, so that the request guard adds none.
pub fn mark_refusal_logged() {
    if let Some(context) = current() {
        context.refusal_logged.store(true, Ordering::Relaxed);
    }
}

/// Carries the current context into `future`, which is about to be spawned: a task of its own starts with
/// none.
pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let context = current();
    async move {
        match context {
            Some(context) => context.scope(future).await,
            None => future.await,
        }
    }
}

/// Carries the current context into `work`, which is about to run on a thread for blocking work.
pub fn carry_blocking<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let context = current();
    move || match context {
        Some(context) => CURRENT.sync_scope(context, work),
        None => work(),
    }
}

/// Keeps why the current request fails, so that one line of the log can tell the cause and the answer. The
/// first cause of a request counts. Outside of a request the cause is logged at once.
pub fn keep_cause(level: Level, text: String) {
    let Some(context) = current() else {
        log::log!(level, "{text}");
        return;
    };
    context.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(Cause { level, text });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> String {
        current().map_or_else(String::new, |context| context.to_string())
    }

    #[tokio::test]
    async fn a_context_reaches_spawned_tasks_and_threads_that_carry_it() {
        LogContext::of_request("0a")
            .scope(async {
                assert_eq!(fields(), "request=0a");
                let plain = tokio::spawn(async { fields() }).await.expect("a task");
                assert_eq!(plain, "");
                let carried = tokio::spawn(carry(async { fields() })).await.expect("a task");
                assert_eq!(carried, "request=0a");
                let thread = tokio::task::spawn_blocking(carry_blocking(fields)).await.expect("a thread");
                assert_eq!(thread, "request=0a");
                let message = LogContext::of_message(7, 42).scope(async { fields() }).await;
                assert_eq!(message, "tenant=7 message=42");
            })
            .await;
        assert_eq!(fields(), "");
    }

    #[tokio::test]
    async fn the_first_cause_of_a_request_is_kept_once() {
        let context = LogContext::of_request("0b");
        Arc::clone(&context)
            .scope(async {
                keep_cause(Level::Error, "first".to_owned());
                keep_cause(Level::Warn, "second".to_owned());
            })
            .await;
        let cause = context.take_cause().expect("a cause");
        assert_eq!((cause.level, cause.text.as_str()), (Level::Error, "first"));
        assert!(context.take_cause().is_none());
    }
}
