//! HTTP, as pages, API and console share it: middleware, bodies, errors, cookies, route maps, logins of
//! requests. No SQL and no page is here.

#[cfg(test)]
mod any_input;
pub mod assets;
pub mod body;
pub mod client;
pub mod client_address;
pub mod coding;
pub mod connections;
pub mod context;
pub mod cookie;
pub mod current_user;
pub mod device_cookie;
pub mod download;
pub mod error;
pub mod error_response;
pub mod etag;
pub mod fields;
pub mod form_error;
pub mod frame;
pub mod graceful_shutdown;
pub mod headers;
pub mod health;
pub mod held_body;
pub mod idempotency;
pub mod listen;
pub mod login_guard;
pub mod memory_budget;
pub mod page_tenant;
pub mod paging;
pub mod prefer;
pub mod redirect;
pub mod refusal_log;
pub mod request_guard;
pub mod request_info;
pub mod request_metrics;
pub mod request_rate;
pub mod response_headers;
pub mod routes;
pub mod site;
pub mod upload;
pub mod upload_quota;
pub mod user_agent;

pub use body::{Form, Json};
pub use client::client;
pub use context::Context;
pub use current_user::CurrentUser;
pub use error::{Error, granted};
pub use fields::FieldErrors;
pub use frame::Frame;
pub use login_guard::require_login;
pub use redirect::{local_path, see_other};
pub use routes::Route;
pub use site::Site;
pub use user_agent::user_agent;
