//! A client of the WebDriver protocol for headless Chromium.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::postgres::free_port;
use crate::support::{TIMEOUT, environment, eventually, http};

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
/// The key of an element's id in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const SUPERVISOR: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null >/dev/null 2>&1 &
server=$!
cat <&3 >/dev/null
kill $server
"#;

pub struct Chromium {
    http: Client,
    session: String,
    base: String,
    driver: Child,
    _profile: TempDir,
}

impl Chromium {
    /// A new browser. None where Chromium or its driver is missing; the test then counts as skipped.
    pub async fn start(app_base: &str, javascript: bool) -> Option<Self> {
        if !Path::new(CHROMIUM).exists() || !Path::new(CHROMEDRIVER).exists() {
            environment::skipped("there is no Chromium or no driver for it");
            return None;
        }
        let profile = tempfile::tempdir().expect("a profile");
        let port = free_port();
        let driver = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "supervisor", CHROMEDRIVER, &format!("--port={port}")])
            .stdin(Stdio::piped())
            .spawn()
            .expect("ChromeDriver");
        let http = http::client().timeout(Duration::from_secs(90)).build().expect("a client");
        let driver_base = format!("http://127.0.0.1:{port}");
        until_ready(&http, &driver_base).await;
        let capabilities = capabilities(profile.path(), javascript);
        let started = http
            .post(format!("{driver_base}/session"))
            .json(&json!({"capabilities": {"alwaysMatch": capabilities}}))
            .send()
            .await
            .expect("ChromeDriver answers");
        let started: Value = started.json().await.expect("JSON");
        let id = started["value"]["sessionId"].as_str();
        let id = id.unwrap_or_else(|| panic!("no browser: {started}"));
        Some(Self {
            session: format!("{driver_base}/session/{id}"),
            http,
            base: app_base.to_owned(),
            driver,
            _profile: profile,
        })
    }

    async fn try_call(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.session));
        if method == Method::POST {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("ChromeDriver answers");
        let good = answer.status().is_success();
        let value = answer.json::<Value>().await.expect("JSON")["value"].take();
        if good { Ok(value) } else { Err(value) }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        self.try_call(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn open(&self, path: &str) {
        let url = if path.contains(':') { path.to_owned() } else { format!("{}{path}", self.base) };
        self.call(Method::POST, "/url", json!({"url": url})).await;
    }

    /// The current path, without the origin.
    pub async fn path(&self) -> String {
        let url = self.call(Method::GET, "/url", Value::Null).await;
        let url = url.as_str().expect("an address").to_owned();
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    pub async fn back(&self) {
        self.call(Method::POST, "/back", json!({})).await;
    }

    pub async fn title(&self) -> String {
        let title = self.call(Method::GET, "/title", Value::Null).await;
        title.as_str().expect("a title").to_owned()
    }

    pub async fn source(&self) -> String {
        let source = self.call(Method::GET, "/source", Value::Null).await;
        source.as_str().expect("a page").to_owned()
    }

    pub async fn find(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            if let Ok(found) = self.try_call(Method::POST, "/element", wanted.clone()).await {
                return found[ELEMENT].as_str().expect("an element").to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no {selector} at {}: {}", self.path().await, self.source().await);
    }

    pub async fn has(&self, selector: &str) -> bool {
        let wanted = json!({"using": "css selector", "value": selector});
        self.try_call(Method::POST, "/element", wanted).await.is_ok()
    }

    /// Clicks, and retries while the page still scrolls.
    pub async fn click(&self, selector: &str) {
        let mut refusal = Value::Null;
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            let element = self.find(selector).await;
            match self.try_call(Method::POST, &format!("/element/{element}/click"), json!({})).await {
                Ok(_) => return,
                Err(mut error) => refusal = error["message"].take(),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{selector} at {} takes no click: {refusal}", self.path().await);
    }

    /// Clicks a link or a form's button and waits until the next page has replaced this one.
    pub async fn click_and_wait(&self, selector: &str) {
        let page = self.find("html").await;
        self.click(selector).await;
        self.until_replaced(&page, selector).await;
    }

    /// Waits until another page has replaced the one with this element.
    pub async fn until_replaced(&self, page: &str, cause: &str) {
        // The driver reports an element of a replaced page as unknown. During a page load it waits.
        let gone =
            async || self.try_call(Method::GET, &format!("/element/{page}/name"), Value::Null).await.is_err();
        eventually(&format!("another page after {cause}"), gone).await;
    }

    /// The same; the next page must have this path.
    pub async fn click_and_expect(&self, selector: &str, path: &str) {
        self.click_and_wait(selector).await;
        let there = self.path().await;
        assert_eq!(there, path, "{selector} leads to: {}", self.source().await);
    }

    /// Replaces the text of a field.
    pub async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.call(Method::POST, &format!("/element/{element}/clear"), json!({})).await;
        self.call(Method::POST, &format!("/element/{element}/value"), json!({"text": text})).await;
    }

    /// Sets the text of a field at once, as pasting does.
    pub async fn set_value(&self, selector: &str, text: &str) {
        let script = "const [selector, text] = arguments; const field = document.querySelector(selector); \
                      field.focus(); field.value = text; field.setSelectionRange(text.length, text.length); \
                      field.dispatchEvent(new Event('input', {bubbles: true}))";
        let body = json!({"script": script, "args": [selector, text]});
        self.call(Method::POST, "/execute/sync", body).await;
    }

    /// Presses keys in a field, as the protocol writes them: `\u{e009}` is Ctrl.
    pub async fn press(&self, selector: &str, keys: &str) {
        let element = self.find(selector).await;
        self.call(Method::POST, &format!("/element/{element}/value"), json!({"text": keys})).await;
    }

    pub async fn value(&self, selector: &str) -> String {
        let element = self.find(selector).await;
        let path = format!("/element/{element}/property/value");
        let value = self.call(Method::GET, &path, Value::Null).await;
        value.as_str().expect("a value").to_owned()
    }

    pub async fn text(&self, selector: &str) -> String {
        let element = self.find(selector).await;
        let text = self.call(Method::GET, &format!("/element/{element}/text"), Value::Null).await;
        text.as_str().expect("a text").to_owned()
    }

    pub async fn run(&self, script: &str) -> Value {
        self.call(Method::POST, "/execute/sync", json!({"script": script, "args": []})).await
    }

    /// The same for a script that calls its last argument when it is done.
    pub async fn run_async(&self, script: &str) -> Value {
        self.call(Method::POST, "/execute/async", json!({"script": script, "args": []})).await
    }

    /// Sets the preferred colour scheme.
    pub async fn prefer(&self, scheme: &str) {
        let params = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call(
            Method::POST,
            "/goog/cdp/execute",
            json!({"cmd": "Emulation.setEmulatedMedia", "params": params}),
        )
        .await;
    }

    /// Takes the network away, or gives it back.
    pub async fn set_offline(&self, offline: bool) {
        let conditions = json!({"offline": offline, "latency": 0, "throughput": -1});
        let body = json!({"network_conditions": conditions});
        self.call(Method::POST, "/chromium/network_conditions", body).await;
    }

    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height});
        self.call(Method::POST, "/window/rect", size).await;
    }

    pub async fn has_dialog(&self) -> bool {
        self.try_call(Method::GET, "/alert/text", Value::Null).await.is_ok()
    }

    /// Errors and security reports in the browser's console since the last call. Refused forms are 4xx by
    /// design, which Chromium logs as network errors.
    pub async fn browser_errors(&self) -> Vec<String> {
        let log = self.call(Method::POST, "/se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["source"] == "security")
            .filter(|entry| {
                let message = entry["message"].as_str().unwrap_or_default();
                !(entry["source"] == "network" && message.contains("status of 4"))
            })
            .map(ToString::to_string)
            .collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let (session, mut driver) = (self.session.clone(), self.driver.stdin.take());
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let client = http::client().build().expect("a client");
                let _ = client.delete(session).send().await;
            });
            drop(driver.take());
        });
        let _ = ended.join();
        let _ = self.driver.wait();
    }
}

fn capabilities(profile: &Path, javascript: bool) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let mut options = json!({
        "binary": CHROMIUM,
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--force-prefers-reduced-motion", "--window-size=1200,1000", "--disable-dev-shm-usage",
            "--no-proxy-server", "--lang=en", profile,
        ],
    });
    if !javascript {
        options["prefs"] = json!({"profile.managed_default_content_settings.javascript": 2});
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
        "unhandledPromptBehavior": "ignore",
    })
}

async fn until_ready(http: &Client, base: &str) {
    eventually("ChromeDriver is ready", async || {
        let Ok(answer) = http.get(format!("{base}/status")).send().await else { return false };
        answer.json::<Value>().await.is_ok_and(|status| status["value"]["ready"] == true)
    })
    .await;
}
