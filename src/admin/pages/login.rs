//! The login of a browser: the operator types the token once, and the browser keeps a cookie for 12 hours.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use serde::Deserialize;

use crate::admin::console::Console;
use crate::admin::console_token::{COOKIE_LIFE, cookie_name, is_tls_only, peer};
use crate::admin::frame::ConsoleFrame;
use crate::admin::guard::TokenRefusal;
use crate::services::audit::{self, Subject};
use crate::web::{Error, Form, client, local_path, see_other};

#[derive(Template)]
#[template(path = "admin/login.html")]
struct TokenPage {
    frame: ConsoleFrame,
    next: String,
    wrong: bool,
}

/// The query of the login page.
#[derive(Deserialize)]
pub struct TokenQuery {
    /// The path that the browser opens after the login.
    next: Option<String>,
}

/// What the operator types.
#[derive(Deserialize)]
pub struct TokenForm {
    token: String,
    #[serde(default)]
    next: String,
}

/// GET /login
pub async fn new(query: web::Query<TokenQuery>) -> Result<HttpResponse, Error> {
    let next = query.into_inner().next.unwrap_or_default();
    page(StatusCode::OK, &TokenPage { frame: ConsoleFrame::bare(), next, wrong: false })
}

/// POST /login
pub async fn create(
    request: HttpRequest,
    console: web::Data<Console>,
    form: Form<TokenForm>,
) -> Result<HttpResponse, Error> {
    let Form(TokenForm { token, next }) = form;
    let address = peer(&request);
    let until = chrono::Utc::now().timestamp() + COOKIE_LIFE;
    let given = console.token.matches(token.trim());
    let Some(value) = given.then(|| console.token.start_login(until)).flatten() else {
        if console.token.is_locked_for(address) {
            return Ok(TokenRefusal::Locked.error_response());
        }
        console.token.record_failure(address);
        let login = TokenPage { frame: ConsoleFrame::bare(), next, wrong: true };
        return page(StatusCode::UNPROCESSABLE_ENTITY, &login);
    };
    audit::record(&client(&request), "logged in to the console", &Subject::Operator);
    let mut response = see_other(local_path(&next).unwrap_or("/"));
    let _ = response.add_cookie(&cookie(&request, value, COOKIE_LIFE));
    Ok(response)
}

/// POST /logout
pub async fn destroy(request: HttpRequest, console: web::Data<Console>) -> HttpResponse {
    if let Some(cookie) = request.cookie(cookie_name(&request)) {
        console.token.end_login(cookie.value());
    }
    let mut response = see_other("/login");
    let _ = response.add_cookie(&cookie(&request, String::new(), 0));
    response
}

fn page(status: StatusCode, page: &TokenPage) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page.render()?))
}

/// A cookie that lives for `life` seconds; 0 deletes it.
fn cookie(request: &HttpRequest, value: String, life: i64) -> Cookie<'static> {
    Cookie::build(cookie_name(request), value)
        .path("/")
        .http_only(true)
        .secure(is_tls_only(request))
        .same_site(SameSite::Strict)
        .max_age(actix_web::cookie::time::Duration::seconds(life))
        .finish()
}
