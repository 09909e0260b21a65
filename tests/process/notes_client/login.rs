//! Logging in and out: where the password comes from, and where the token is kept.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::AsyncWriteExt;

use super::{ClientRun, ClientUser};
use crate::support::{App, Call, Person, eventually, run_blocking, spawn_app, unique};

/// A terminal: our side of it, and the side of a program.
pub(super) fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("rights");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("a path");
    let no_control = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
    let theirs = OpenOptions::new().read(true).write(true).custom_flags(no_control).open(name);
    (File::from(ours), theirs.expect("the other side"))
}

/// What the process can be asked by others: its arguments and its environment.
fn visible_of(pid: u32) -> String {
    let read = |file| fs::read(format!("/proc/{pid}/{file}")).expect("a file of the process");
    String::from_utf8_lossy(&[read("cmdline"), read("environ")].concat()).into_owned()
}

fn refuses_connections_unseen(listener: &TcpListener) {
    listener.set_nonblocking(true).expect("a listener");
    let seen = listener.accept();
    assert!(seen.is_err(), "a connection came: {seen:?}");
}

#[tokio::test]
async fn a_password_is_asked_for_without_echo_and_is_in_no_argument_or_environment() {
    let app = spawn_app().await;
    let (user, person) = (ClientUser::new(), Person::founder(&app).await);
    let (mut ours, theirs) = terminal();
    let arguments = ["login", "--server", &app.base, &person.username];
    // With the terminal as its controlling one, as a shell starts it.
    let mut command = user.command(&["setsid", "--ctty"], &arguments);
    let child = command.stdin(Stdio::from(theirs)).spawn().expect("the client");
    drop(command);
    let pid = child.id().expect("a process");
    let (mut ours, mut screen) = run_blocking(move || {
        let screen = until_shown(&mut ours, "Password: ");
        (ours, screen)
    })
    .await;
    let visible = visible_of(pid);
    assert!(visible.contains(&person.username) && !visible.contains(&person.password), "{visible}");
    ours.write_all(format!("{}\n", person.password).as_bytes()).expect("typed");
    let run = ClientRun::of(child).await;
    // A terminal whose other side is closed gives an error at its end.
    let mut rest = Vec::new();
    let _ = ours.read_to_end(&mut rest);
    screen += &String::from_utf8_lossy(&rest);
    assert!(!screen.contains(&person.password), "{screen}");
    if run.code != Some(6) {
        run.expect(0);
        assert!(user.login_file().exists());
    }
}

#[tokio::test]
async fn an_interrupted_prompt_leaves_a_terminal_that_echoes() {
    let user = ClientUser::new();
    let (mut ours, theirs) = terminal();
    let echoes = |terminal: &File| {
        tcgetattr(terminal).expect("the terminal's modes").local_modes.contains(LocalModes::ECHO)
    };
    assert!(echoes(&ours));
    let mut command = user.command(&["setsid", "--ctty"], &["login", "anna"]);
    let child = command.stdin(Stdio::from(theirs)).spawn().expect("the client");
    drop(command);
    let mut ours = run_blocking(move || {
        until_shown(&mut ours, "Password: ");
        ours
    })
    .await;
    eventually("the terminal does not echo", async || !echoes(&ours)).await;
    ours.write_all(b"\x03").expect("Ctrl-C");
    assert_eq!(ClientRun::of(child).await.code, Some(130));
    assert!(echoes(&ours));
}

fn until_shown(terminal: &mut File, words: &str) -> String {
    let (mut shown, mut part) = (String::new(), [0; 256]);
    while !shown.contains(words) {
        let length = terminal.read(&mut part).expect("the screen");
        shown += &String::from_utf8_lossy(&part[..length]);
    }
    shown
}

#[tokio::test]
async fn a_password_is_one_line_of_standard_input_and_nothing_else() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let user = ClientUser::new()
        .set("PASSWORD", &person.password)
        .set("PIGEONHOLE_PASSWORD", &person.password)
        .set("PASSWORD_FILE", "/dev/null");
    let arguments = ["login", "--server", &app.base, &person.username];
    user.run(&arguments).await.expect_line(1, "No password was given");
    for option in ["--password", "-p", person.password.as_str()] {
        let refused = user.run(&[&arguments[..], &[option, person.password.as_str()]].concat()).await;
        refused.expect(2);
    }

    let user = ClientUser::new();
    let mut child = user.start(&arguments);
    let mut input = child.stdin.take().expect("standard input");
    let (beginning, end) = person.password.split_at(5);
    input.write_all(beginning.as_bytes()).await.expect("typed");
    let pid = child.id().expect("a process");
    eventually("it waits for the password", async || user.folder().exists()).await;
    let visible = visible_of(pid);
    assert!(visible.contains(&person.username) && !visible.contains(beginning), "{visible}");
    input.write_all(format!("{end}\r\nnot the password\n").as_bytes()).await.expect("typed");
    drop(input);
    let run = ClientRun::of(child).await;
    assert!(matches!(run.code, Some(0 | 6)), "{run:?}");
    assert!(!run.stdout.contains(&person.password) && !run.stderr.contains(&person.password), "{run:?}");
}

#[tokio::test]
async fn a_login_is_kept_in_a_file_that_only_its_owner_can_read() {
    let app = spawn_app().await;
    let (user, person) = (ClientUser::new(), Person::founder(&app).await);
    // With rights for all by default.
    let shell = ["/bin/sh", "-c", "umask 0; exec \"$0\" \"$@\""];
    let mut child = user
        .command(&shell, &["login", "--server", &app.base, &person.username])
        .spawn()
        .expect("the client");
    let mut input = child.stdin.take().expect("standard input");
    input.write_all(format!("{}\n", person.password).as_bytes()).await.expect("typed");
    drop(input);
    let run = ClientRun::of(child).await;
    if run.code == Some(6) {
        user.log_in(&app.base, &person).await;
    }
    let mode = |path| fs::metadata(path).expect("a file").permissions().mode() & 0o7777;
    assert_eq!((mode(user.login_file()), mode(user.folder())), (0o600, 0o700));
    let files: Vec<_> = fs::read_dir(user.folder()).expect("a folder").collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let first = user.token();
    app.answer(Call::new("GET", "/api/me").bearer(&first)).await.expect(200);

    // The next login takes its place, and ends its session.
    user.log_in(&app.base, &person).await;
    assert_eq!(mode(user.login_file()), 0o600);
    assert_ne!(user.token(), first);
    user.run(&["list"]).await.expect(0);
    eventually("the first session has ended", async || {
        app.answer(Call::new("GET", "/api/me").bearer(&first)).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn a_login_file_of_others_or_with_rights_for_others_is_refused_with_the_cure() {
    let (user, _) = ClientUser::founder().await;
    let (file, folder) = (user.login_file(), user.folder());
    let set = |path: &std::path::Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("rights");
    };
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        set(&file, mode);
        for command in ["list", "logout", "login anna"] {
            let arguments: Vec<&str> = command.split(' ').collect();
            let line = user.run_with(&arguments, b"password\n").await.expect_line(1, "chmod 600");
            assert!(line.contains(file.to_str().expect("a path")), "{line}");
        }
    }
    set(&file, 0o600);
    set(&folder, 0o722);
    user.run_with(&["login", "anna"], b"password\n").await.expect_line(1, "chmod 700");
    set(&folder, 0o700);
    user.run(&["list"]).await.expect(0);

    let other = folder.join("other.json");
    fs::rename(&file, &other).expect("renamed");
    symlink(&other, &file).expect("a link");
    user.run(&["list"]).await.expect_line(1, "reading");
    fs::remove_file(&file).expect("removed");
    fs::write(&other, "{}").expect("written");
    fs::rename(&other, &file).expect("renamed");
    user.run(&["list"]).await.expect_line(1, "damaged");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(65534), None).expect("given away");
        user.run(&["list"]).await.expect_line(1, "chown");
    }
}

#[tokio::test]
async fn http_off_this_machine_is_refused_before_anything_is_sent() {
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", proxy.local_addr().expect("an address"));
    let (user, _) = ClientUser::founder().await;
    // Whatever leaves the client goes there.
    let user = user
        .set("HTTP_PROXY", &address)
        .set("http_proxy", &address)
        .set("ALL_PROXY", &address)
        .set("all_proxy", &address);
    for server in [
        "http://notes.example.org",
        "http://192.0.2.1:5000",
        "http://localhost.example.org",
        "http://localhost@notes.example.org",
        "http://0.0.0.0:5000",
        "ftp://localhost",
        "notes.example.org",
    ] {
        let run = user.run_with(&["login", "--server", server, "ada"], b"password\n").await;
        run.expect_line(2, "Nothing was sent.");
    }
    // Not through a proxy either, which would read the token.
    user.run(&["list"]).await.expect(0);
    let login = fs::read_to_string(user.login_file()).expect("a login");
    let (start, rest) = login.split_once("http://").expect("a server");
    let (_, end) = rest.split_once('"').expect("its end");
    fs::write(user.login_file(), format!("{start}http://notes.example.org\"{end}")).expect("written");
    for command in ["list", "show 1", "logout"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        user.run(&arguments).await.expect_line(2, "http is for localhost only");
    }
    refuses_connections_unseen(&proxy);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, redirecting) = (
        TcpListener::bind("127.0.0.1:0").expect("a port"),
        TcpListener::bind("127.0.0.1:0").expect("a port"),
    );
    let target = format!("http://{}/api/notes", elsewhere.local_addr().expect("an address"));
    let (user, _) = ClientUser::founder().await;
    let login = format!(
        "{{\"server\": \"http://{}\", \"token\": \"{}\"}}",
        redirecting.local_addr().expect("an address"),
        user.token()
    );
    fs::write(user.login_file(), login).expect("written");
    let answering = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = redirecting.accept().expect("a connection");
            let (mut request, mut part) = (Vec::new(), [0; 4096]);
            while !(request.ends_with(b"\r\n\r\n") || request.ends_with(b"}")) {
                let length = stream.read(&mut part).expect("a request");
                request.extend_from_slice(&part[..length]);
            }
            let head = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {target}\r\n");
            write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n").expect("an answer");
        }
    });
    user.run(&["list"]).await.expect_line(1, "Redirects are not followed");
    let kept = user.run_with(&["add"], b"typed").await.expect_line(1, "Redirects are not followed");
    assert_eq!(fs::read(super::path_in(&kept)).expect("kept"), b"typed");
    answering.join().expect("answers");
    refuses_connections_unseen(&elsewhere);
}

#[tokio::test]
async fn logging_out_ends_the_session_and_forgets_the_token() {
    let app = spawn_app().await;
    let (user, _) = ClientUser::logged_in(&app).await;
    let token = user.token();
    user.run(&["logout"]).await.expect(0);
    assert!(!user.login_file().exists());
    app.answer(Call::new("GET", "/api/me").bearer(&token)).await.expect(401);
    user.run(&["logout"]).await.expect(0);
    user.run(&["list"]).await.expect_line(3, "notes login");
}

#[tokio::test]
async fn a_name_in_several_organizations_is_asked_for_one() {
    let app = spawn_app().await;
    let (user, person) = (ClientUser::new(), Person::founder(&app).await);
    let other = person.namesake(&app, &unique("Second ")).await;
    let password = format!("{}\n", person.password);
    let arguments = ["login", "--server", &app.base, &person.username];
    let with_name = [&arguments[..], &["--organization", &other.tenant_name]].concat();
    eventually("the server has time for it", async || {
        let run = user.run_with(&arguments, password.as_bytes()).await;
        run.code != Some(6) && run.expect_line(1, "--organization").contains("several organizations")
    })
    .await;
    eventually("the server has time for it", async || {
        let run = user.run_with(&with_name, password.as_bytes()).await;
        run.code != Some(6) && run.expect(0).stderr.is_empty()
    })
    .await;
    let me = app.answer(Call::new("GET", "/api/me").bearer(&user.token())).await.expect(200).json();
    assert_eq!(me["tenant_id"], other.tenant_id);
}

/// The server of a login file, for a client that must reach it through something else.
pub(super) fn point_to(user: &ClientUser, base: &str) {
    let login = serde_json::json!({"server": base, "token": user.token()});
    fs::write(user.login_file(), login.to_string()).expect("written");
}

/// The token of the user, at another server on the same database.
pub(super) fn same_login(user: &ClientUser, app: &App) {
    point_to(user, &app.base);
}
