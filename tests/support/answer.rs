//! One HTTP request and its answer. Redirects are not followed.

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::Value;

#[derive(Clone)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
}

impl Call {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", kind)
    }

    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    pub async fn send(&self, http: &Client, base: &str) -> Answer {
        self.try_send(http, base)
            .await
            .unwrap_or_else(|error| panic!("{} {}: {error:?}", self.method, self.path))
    }

    pub async fn try_send(&self, http: &Client, base: &str) -> Result<Answer, reqwest::Error> {
        let method = Method::from_bytes(self.method.as_bytes()).expect("a method");
        let mut request = http.request(method, format!("{base}{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8 in the answer")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    /// The header's value; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header")).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    pub fn set_cookies(&self) -> Vec<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().expect("a readable cookie").to_owned())
            .collect()
    }

    /// Fails with the whole answer if the status is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, String::from_utf8_lossy(&self.body));
        self
    }

    /// A 303 to exactly this path.
    #[track_caller]
    pub fn expect_see_other(self, location: &str) -> Self {
        let answer = self.expect(303);
        assert_eq!(answer.location(), location);
        answer
    }

    /// A problem document (RFC 9457) with the members that all errors of the API have.
    #[track_caller]
    pub fn expect_problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert!(
            answer.header("content-type").starts_with("application/problem+json"),
            "content type {}",
            answer.header("content-type")
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["type", "title", "detail"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "no {member} in {problem}"
            );
        }
        assert_eq!(problem["request_id"].as_str(), Some(answer.header("x-request-id")), "{problem}");
        problem
    }

    /// A problem with an error message for this field.
    #[track_caller]
    pub fn expect_field_problem(self, status: u16, field: &str) -> Value {
        let problem = self.expect_problem(status);
        let named = problem["errors"].as_array().is_some_and(|errors| {
            errors.iter().any(|error| {
                error["field"] == field && error["message"].as_str().is_some_and(|m| !m.is_empty())
            })
        });
        assert!(named, "no error for the field {field} in {problem}");
        problem
    }

    /// Status, headers and body with the request id replaced, to compare two answers. `Connection` is left
    /// out: it belongs to the connection and not to the answer (RFC 9110, 7.6.1), and depends on whether the
    /// rest of a body had arrived.
    pub fn without_request_id(&self) -> (u16, Vec<(String, String)>, String) {
        let id = self.header("x-request-id").to_owned();
        assert!(!id.is_empty(), "no X-Request-Id");
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).replace(&id, "ID");
                (name.to_string(), value)
            })
            .filter(|(name, _)| name != "date" && name != "connection")
            .collect();
        headers.sort();
        let body = String::from_utf8_lossy(&self.body).replace(&id, "ID");
        (self.status, headers, body)
    }
}
