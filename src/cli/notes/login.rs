//! `notes login` and `notes logout`: a session of the API, kept in the login file.

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::api_client::{ApiCall, ApiClient};
use super::failure::{ClientFailure, FailureKind};
use super::login_file::{LoginFile, SavedLogin};
use super::password;
use super::server_url::ServerUrl;
use crate::cli::output;

/// Arguments of `notes login`.
#[derive(Args)]
pub struct LoginArguments {
    /// Your user name or e-mail.
    name: String,
    /// The server: https, or http on this machine.
    #[arg(long, value_name = "URL", default_value = "http://localhost:5000")]
    server: String,
    /// The organization, for a name that is in several.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: String,
}

/// Starts a session and keeps its token.
pub(super) async fn log_in(arguments: &LoginArguments) -> Result<(), ClientFailure> {
    let client = ApiClient::new(ServerUrl::parse(&arguments.server)?)?;
    let file = LoginFile::locate()?;
    file.prepare()?;
    let previous = file.read()?;
    let token = token(&client, arguments).await?;
    let login = SavedLogin { server: client.server().clone(), token: token.into() };
    if let Err(failure) = file.write(&login) {
        // The token is lost, so its session ends.
        let _ = end_session(&ApiClient::of_login(login)?).await;
        return Err(failure);
    }
    // The new login stands; the session of the old one would end by itself.
    if let Some(previous) = previous.filter(|previous| previous.server == *client.server()) {
        let _ = end_session(&ApiClient::of_login(previous)?).await;
    }
    output::line(&format!("You are logged in at {}.", client.server()));
    Ok(())
}

async fn token(client: &ApiClient, arguments: &LoginArguments) -> Result<String, ClientFailure> {
    let password = password::ask().await?;
    let mut body = json!({"username": arguments.name, "password": password.expose()});
    if let Some(organization) = &arguments.organization {
        body["tenant_name"] = json!(organization);
    }
    let answer = client.send(&ApiCall::new(Method::POST, "/api/login").body(body)).await?;
    if answer.status == 401 {
        return Err(ClientFailure::new(FailureKind::LoginFirst, "The name or the password is wrong."));
    }
    if answer.status == 422 && answer.names_field("tenant_name") && arguments.organization.is_none() {
        return Err(ClientFailure::other(
            "You are in several organizations. Say which: pigeonhole notes login --organization NAME",
        ));
    }
    Ok(answer.success()?.json::<TokenAnswer>()?.token)
}

/// Ends the session on the server, then forgets it.
pub(super) async fn log_out() -> Result<(), ClientFailure> {
    let file = LoginFile::locate()?;
    let Some(login) = file.read()? else {
        output::line("You are not logged in.");
        return Ok(());
    };
    let server = login.server.clone();
    end_session(&ApiClient::of_login(login)?)
        .await
        .map_err(|failure| failure.and("The login is kept: the session has not ended on the server."))?;
    file.remove()?;
    output::line(&format!("You are logged out at {server}."));
    Ok(())
}

/// A session that has ended already is no failure.
async fn end_session(client: &ApiClient) -> Result<(), ClientFailure> {
    let answer = client.send(&ApiCall::new(Method::POST, "/api/logout")).await?;
    if answer.status == 401 { Ok(()) } else { answer.success().map(|_| ()) }
}

/// The server of the kept login, with its token.
pub(super) fn current() -> Result<ApiClient, ClientFailure> {
    match LoginFile::locate()?.read()? {
        Some(login) => ApiClient::of_login(login),
        None => Err(ClientFailure::new(
            FailureKind::LoginFirst,
            "You are not logged in. Log in first: pigeonhole notes login",
        )),
    }
}
