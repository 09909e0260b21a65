//! Users, with their browsers and scripts.

use std::{collections::BTreeMap, sync::Mutex};

use serde_json::{Value, json};

use super::{Answer, App, Call, Page, database, retry_until_ok, unique};

/// One account with its credentials.
#[derive(Clone, Debug)]
pub struct Person {
    pub tenant_id: i64,
    pub user_id: i64,
    pub username: String,
    pub email: String,
    pub password: String,
    pub tenant_name: String,
}

impl Person {
    /// The owner of a new tenant.
    pub async fn founder(app: &App) -> Self {
        Self::registered(app, &unique("Org ")).await
    }

    /// A new member of this person's tenant, which is opened for it.
    pub async fn colleague(&self, app: &App) -> Self {
        database::open_tenant(self.tenant_id).await;
        Self::registered(app, &self.tenant_name).await
    }

    /// A new user who joins a tenant, or creates it if it does not exist.
    pub async fn registered(app: &App, tenant_name: &str) -> Self {
        Self::register(app, tenant_name, &json!({"tenant_name": tenant_name})).await
    }

    /// A new user who joins by an invitation.
    pub async fn invited(app: &App, tenant_name: &str, invitation: &str) -> Self {
        Self::register(app, tenant_name, &json!({"invitation": invitation})).await
    }

    async fn register(app: &App, tenant_name: &str, joining: &Value) -> Self {
        let username = unique("user");
        let person = Self {
            tenant_id: 0,
            user_id: 0,
            email: format!("{username}@example.test"),
            username,
            password: unique("secret "),
            tenant_name: tenant_name.to_owned(),
        };
        person.sign_up(app, joining).await
    }

    /// The owner of another new tenant with the same name, e-mail and password.
    pub async fn namesake(&self, app: &App, tenant_name: &str) -> Self {
        let namesake = Self { tenant_name: tenant_name.to_owned(), ..self.clone() };
        namesake.sign_up(app, &json!({"tenant_name": tenant_name})).await
    }

    /// Signs up with these further fields; returns the person with the ids of the account.
    async fn sign_up(self, app: &App, joining: &Value) -> Self {
        let mut body = json!({"username": self.username, "email": self.email, "password": self.password});
        for (field, value) in joining.as_object().expect("fields") {
            body[field] = value.clone();
        }
        let call = Call::new("POST", "/api/register").json(&body);
        let answer = app.answer_retrying(call).await;
        // An attempt that was answered 503 may have made the account.
        let account = if answer.status == 409 { self.known_account(app).await } else { answer.expect(201) };
        let account = account.json();
        let number = |name: &str| account[name].as_i64().expect("an id");
        Self { tenant_id: number("tenant_id"), user_id: number("user_id"), ..self }
    }

    /// The account that this person can log in to.
    async fn known_account(&self, app: &App) -> Answer {
        let (user, tenant) = (&self.username, &self.tenant_name);
        let body = json!({"username": user, "password": self.password, "tenant_name": tenant});
        let call = Call::new("POST", "/api/login").json(&body);
        let login = app.answer_retrying(call).await.expect(200).json();
        let call = Call::new("GET", "/api/me").bearer(login["token"].as_str().expect("a token"));
        app.answer(call).await.expect(200)
    }

    /// A script with a new token.
    pub async fn script(&self, app: &App) -> Script {
        let body = json!({"username": self.username, "password": self.password, "tenant_id": self.tenant_id});
        let call = Call::new("POST", "/api/login").json(&body);
        let token =
            app.answer_retrying(call).await.expect(200).json()["token"].as_str().expect("a token").to_owned();
        Script { app: app.clone(), token }
    }

    /// A browser that is logged in.
    pub async fn browser(&self, app: &App) -> Browser {
        let browser = Browser::new(app);
        self.log_in(&browser).await;
        browser
    }

    pub async fn log_in(&self, browser: &Browser) {
        browser.post_retrying("/login", &self.credentials()).await.expect_see_other("/dashboard");
    }

    pub fn credentials(&self) -> [(&str, &str); 2] {
        [("email", &self.email), ("password", &self.password)]
    }
}

/// A client with a bearer token.
#[derive(Clone)]
pub struct Script {
    pub app: App,
    pub token: String,
}

impl Script {
    pub async fn answer(&self, call: Call) -> Answer {
        let call = call.bearer(&self.token);
        self.app.answer(call).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(Call::new("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.answer(Call::new("POST", path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.answer(Call::new("PUT", path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.answer(Call::new("PATCH", path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.answer(Call::new("DELETE", path)).await
    }

    /// Creates a note and returns its id.
    pub async fn note(&self, content: &str) -> i64 {
        let created = self.post("/api/notes", &json!({"content": content})).await;
        created.expect(201).json()["note_id"].as_i64().expect("a note's id")
    }

    pub async fn read(&self, id: i64) -> Value {
        self.get(&format!("/api/notes/{id}")).await.expect(200).json()
    }
}

/// A client with cookies, which submits forms.
pub struct Browser {
    pub app: App,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone(), cookies: Mutex::new(BTreeMap::new()) }
    }

    /// Another browser with a copy of the cookies.
    pub fn copy(&self) -> Self {
        Self { app: self.app.clone(), cookies: Mutex::new(self.cookies.lock().expect("cookies").clone()) }
    }

    /// The same at another process of the application.
    pub fn copy_at(&self, app: &App) -> Self {
        Self { app: app.clone(), ..self.copy() }
    }

    pub fn cookie_header(&self) -> String {
        let cookies = self.cookies.lock().expect("cookies");
        let pairs: Vec<_> = cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.join("; ")
    }

    /// Sends the call with the cookies and stores those that the answer sets.
    pub async fn answer(&self, call: Call) -> Answer {
        let cookies = self.cookie_header();
        let call = if cookies.is_empty() { call } else { call.header("cookie", cookies) };
        let answer = self.app.answer(call).await;
        let mut jar = self.cookies.lock().expect("cookies");
        for cookie in answer.set_cookies() {
            let pair = cookie.split(';').next().expect("a cookie");
            let (name, value) = pair.split_once('=').expect("a cookie's value");
            if cookie.to_lowercase().contains("max-age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(Call::new("GET", path)).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.answer(Call::new("POST", path).form(fields)).await
    }

    /// Sends the form again while the answer is 503.
    pub async fn post_retrying(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        retry_until_ok(async || {
            let answer = self.post(path, fields).await;
            if answer.status == 503 { Err(format!("{path} stays busy")) } else { Ok(answer) }
        })
        .await
    }

    /// The page at this path; it must be 200.
    pub async fn page(&self, path: &str) -> Page {
        Page::parse(&self.get(path).await.expect(200).text())
    }

    /// The note ids on each page of a list, found by following the links to older notes, and the path of the
    /// last page.
    pub async fn pages(&self, path: &str) -> (Vec<Vec<i64>>, String) {
        let (mut path, mut pages) = (path.to_owned(), Vec::new());
        while pages.len() < 20 {
            let page = self.page(&path).await;
            pages.push(page.note_ids());
            match page.all("a[rel='next']").first() {
                Some(next) => next.value().attr("href").expect("an address").clone_into(&mut path),
                None => return (pages, path),
            }
        }
        panic!("the pages of {path} do not end");
    }

    pub async fn follow(&self, answer: Answer) -> Page {
        let answer = answer.expect(303);
        self.page(answer.location()).await
    }

    pub async fn is_logged_in(&self) -> bool {
        let answer = self.get("/dashboard").await;
        assert!(matches!(answer.status, 200 | 303), "dashboard: {}", answer.status);
        answer.status == 200
    }

    /// Adds a note by the form and returns its id.
    pub async fn note(&self, content: &str) -> i64 {
        let added = self.post("/notes", &[("content", content)]).await;
        let page = self.follow(added).await;
        let newest = page.note_ids().into_iter().max();
        newest.expect("a link to the new note")
    }
}
