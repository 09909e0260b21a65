//! `pigeonhole notes`, the client on the command line: the real program with a home of its own, against real
//! servers.

mod failures;
mod login;
mod reading;
mod texts;
mod tls;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::support::{App, Person, Script, retry_until_ok, spawn_app, within_timeout};

/// A user with a home folder. Nothing else of the machine's settings reaches the client.
struct ClientUser {
    home: TempDir,
    /// Further variables.
    variables: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
struct ClientRun {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl ClientUser {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder"), variables: Vec::new() }
    }

    /// A founder of a new tenant who is logged in at `app`, and the same person's script.
    async fn logged_in(app: &App) -> (Self, Script) {
        let (user, person) = (Self::new(), Person::founder(app).await);
        user.log_in(&app.base, &person).await;
        (user, person.script(app).await)
    }

    /// On the shared server.
    async fn founder() -> (Self, Script) {
        Self::logged_in(&spawn_app().await).await
    }

    async fn log_in(&self, base: &str, person: &Person) {
        let password = format!("{}\n", person.password);
        let arguments = ["login", "--server", base, &person.username];
        retry_until_ok(async || {
            let run = self.run_with(&arguments, password.as_bytes()).await;
            // Other tests may fill the queue of password hashes.
            if run.code == Some(6) { Err(run.stderr) } else { Ok(run.expect(0)) }
        })
        .await;
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("config/pigeonhole")
    }

    fn login_file(&self) -> PathBuf {
        self.folder().join("login.json")
    }

    /// The files of texts that are not stored.
    fn kept(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder().join("unsaved"));
        files.into_iter().flatten().map(|file| file.expect("a file").path()).collect()
    }

    /// The token of the login file.
    fn token(&self) -> String {
        let file = std::fs::read(self.login_file()).expect("a login file");
        let login: Value = serde_json::from_slice(&file).expect("JSON");
        login["token"].as_str().expect("a token").to_owned()
    }

    /// The command, which starts the client through `starter` where that names programs.
    fn command(&self, starter: &[&str], arguments: &[&str]) -> Command {
        let words: Vec<&str> = [starter, &[env!("CARGO_BIN_EXE_pigeonhole"), "notes"], arguments].concat();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(&[], arguments).spawn().expect("the client")
    }

    async fn run(&self, arguments: &[&str]) -> ClientRun {
        self.run_with(arguments, b"").await
    }

    async fn run_with(&self, arguments: &[&str], input: &[u8]) -> ClientRun {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().expect("standard input");
        // It may end without reading.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        ClientRun::of(child).await
    }
}

impl ClientRun {
    async fn of(child: Child) -> Self {
        let ended = within_timeout("the client ends", child.wait_with_output()).await.expect("its output");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr) }
    }

    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// A failure: one plain line on standard error, with these words, and nothing on standard output.
    #[track_caller]
    fn expect_line(self, code: i32, words: &str) -> String {
        let run = self.expect(code);
        assert!(run.stderr.contains(words), "no {words:?} in {run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
        let line = run.stderr.strip_suffix('\n').expect("a line").to_owned();
        assert!(line.starts_with("pigeonhole: ") && !line.contains(char::is_control), "{line:?}");
        line
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The path at the end of a failure that says where a text is.
fn path_in(line: &str) -> &Path {
    let start = line.find(" /").or_else(|| line.find("'/")).expect("a path") + 1;
    Path::new(line[start..].trim_end_matches('\''))
}

/// The number in "Note 12 is stored."
fn number_in(run: &ClientRun) -> i64 {
    let number = run.stdout.split_whitespace().nth(1).expect("a number");
    number.parse().expect("a number")
}
