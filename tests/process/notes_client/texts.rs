//! Text that was given is stored once or kept.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::login::{point_to, same_login, terminal};
use super::{ClientRun, ClientUser, path_in};
use crate::support::faulty_proxy::FaultyProxy;
use crate::support::{Call, Script, eventually, spawn_app};

/// A way to a server on which the first `cut` answers are lost: the server has them written, and the
/// connection breaks.
async fn losing_answers(app: std::net::SocketAddr, cut: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let lost = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lost);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(app).await.expect("the server");
                if counted.load(Ordering::SeqCst) >= cut {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    return;
                }
                let (mut from_client, _) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let mut answer = [0; 4096];
                tokio::select! {
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                    _ = from_server.read(&mut answer) => { counted.fetch_add(1, Ordering::SeqCst); }
                }
            });
        }
    });
    (base, lost)
}

async fn contents(script: &Script) -> Vec<String> {
    let notes = script.get("/api/notes?limit=100").await.expect(200).json();
    let text = |note: &Value| note["content"].as_str().expect("a text").to_owned();
    notes.as_array().expect("a list").iter().map(text).collect()
}

#[tokio::test]
async fn a_note_is_stored_once_when_answers_are_lost() {
    let app = spawn_app().await;
    let (user, script) = ClientUser::logged_in(&app).await;
    let (base, lost) = losing_answers(app.address, 2).await;
    point_to(&user, &base);
    user.run_with(&["add", "--title", "Once"], b"sent three times").await.expect(0);
    assert_eq!(lost.load(Ordering::SeqCst), 2);
    assert_eq!(contents(&script).await, ["sent three times"]);
    assert_eq!(user.kept(), Vec::<PathBuf>::new());

    // Where every answer is lost the text is kept under its key, from standard input and from a file.
    fs::write(user.home.path().join("mine.md"), "all answers are lost, again").expect("written");
    let inputs: [(&[&str], &str); 2] =
        [(&["add"], "all answers are lost"), (&["add", "mine.md"], "all answers are lost, again")];
    for (arguments, text) in inputs {
        let (base, _) = losing_answers(app.address, usize::MAX).await;
        point_to(&user, &base);
        let line = user.run_with(arguments, text.as_bytes()).await.expect_line(6, "It is not known whether");
        let kept = path_in(&line).to_owned();
        assert_eq!(fs::read_to_string(&kept).expect("kept"), text);
        same_login(&user, &app);
        let again = ["add", kept.to_str().expect("a path")];
        // With another text the server would store it twice, so it is refused and stays.
        fs::write(&kept, "changed").expect("written");
        user.run(&again).await.expect_line(5, "stored before");
        fs::write(&kept, text).expect("written");
        user.run(&again).await.expect(0);
        assert!(!kept.exists());
        assert_eq!(contents(&script).await.iter().filter(|content| *content == text).count(), 1);
    }
    assert_eq!(user.kept(), Vec::<PathBuf>::new());
    assert!(user.home.path().join("mine.md").exists());
}

#[tokio::test]
async fn a_text_that_is_not_stored_is_kept_in_a_file_that_the_error_names() {
    let app = spawn_app().await;
    let (user, script) = ClientUser::logged_in(&app).await;
    let id = script.note("first").await;
    script.put(&format!("/api/notes/{id}"), &json!({"content": "second"})).await.expect(200);
    let number = id.to_string();
    let long = "x".repeat(300 * 1024);
    let edit = ["edit", &number, "--from-version", "1"];
    let cases: [(&[&str], &[u8], i32); 6] = [
        (&["add"], long.as_bytes(), 1),
        (&["add"], b"no UTF-8: \xff\xfe", 1),
        (&["add", "--title", "two\nlines"], b"refused for its title", 1),
        (&edit, b"a conflict", 5),
        (&["edit", &number], b"NUL \0 is refused", 1),
        (&["edit", "1"], b"no such note", 4),
    ];
    for (arguments, text, code) in cases {
        let line = user.run_with(arguments, text).await.expect_line(code, "Your text is kept in ");
        let kept = path_in(&line);
        assert!(fs::read(kept).expect("kept") == text, "{line}");
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(kept).expect("kept")) & 0o777, 0o600);
        fs::remove_file(kept).expect("removed");
    }
    // A text from a file is in its file.
    let file = user.home.path().join("mine.md");
    fs::write(&file, &long).expect("written");
    let line = user.run(&["add", "mine.md"]).await.expect_line(1, "Your text is in mine.md");
    assert_eq!(user.kept(), Vec::<PathBuf>::new(), "{line}");
    assert_eq!(fs::read_to_string(&file).expect("the file"), long);
    assert_eq!(script.read(id).await["content"], "second");

    user.run(&["logout"]).await.expect(0);
    for arguments in [&["add"][..], &["edit", "1"]] {
        let line = user.run_with(arguments, b"piped").await.expect_line(3, "Log in first");
        assert_eq!(fs::read(path_in(&line)).expect("kept"), b"piped");
    }
    // Without a folder of its own, among the temporary files; without those, on standard output.
    let user = ClientUser::new().set("TMPDIR", user.home.path().to_str().expect("a path"));
    fs::write(user.home.path().join("config"), "no folder").expect("written");
    let line = user.run_with(&["add"], b"piped").await.expect_line(3, "Your text is kept in ");
    assert_eq!(fs::read(path_in(&line)).expect("kept"), b"piped");
    let user = user.set("TMPDIR", "/nonexistent");
    let run = user.run_with(&["add"], b"piped").await.expect(3);
    assert_eq!(run.stdout, "piped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_outlives_a_client_that_is_killed_or_interrupted_while_the_server_is_silent() {
    let app = spawn_app().await;
    let (user, _) = ClientUser::logged_in(&app).await;
    let proxy = FaultyProxy::to(&app.base).await;
    proxy.stop_answering();
    point_to(&user, proxy.url.trim_end_matches('/'));
    for signal in [Signal::KILL, Signal::INT] {
        let mut child = user.start(&["add"]);
        let mut input = child.stdin.take().expect("standard input");
        input.write_all(b"typed").await.expect("typed");
        drop(input);
        eventually("the text is in a file", async || {
            user.kept().first().is_some_and(|kept| fs::read(kept).is_ok_and(|text| text == b"typed"))
        })
        .await;
        let pid = Pid::from_raw(child.id().expect("a process").cast_signed()).expect("a pid");
        eventually("it waits for signals beside the answer", async || catches_interrupts(pid)).await;
        kill_process(pid, signal).expect("a signal");
        let run = ClientRun::of(child).await;
        let kept = user.kept();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(fs::read(&kept[0]).expect("kept"), b"typed");
        if signal == Signal::INT {
            let line = run.expect_line(1, "Interrupted. It is not known whether");
            assert_eq!(path_in(&line), kept[0]);
        }
        fs::remove_file(&kept[0]).expect("removed");
    }
}

fn catches_interrupts(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).expect("a process");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask").trim();
    u64::from_str_radix(caught, 16).expect("a mask") & (1 << (Signal::INT.as_raw() - 1)) != 0
}

/// Runs a command on a terminal.
async fn edit_on_terminal(user: &ClientUser, arguments: &[&str]) -> ClientRun {
    let (_ours, theirs) = terminal();
    let child = user.command(&[], arguments).stdin(Stdio::from(theirs)).spawn().expect("the client");
    ClientRun::of(child).await
}

#[tokio::test]
async fn an_edit_on_a_terminal_opens_the_editor_and_keeps_the_text_after_a_conflict() {
    let (user, script) = ClientUser::founder().await;
    let id = script.note("one line").await;
    let number = id.to_string();
    let edit = ["edit", &number];
    edit_on_terminal(&user, &edit).await.expect_line(1, "Set EDITOR");
    assert_eq!(user.kept(), Vec::<PathBuf>::new());
    // An editor that changes nothing, and one that adds a line end.
    for editor in ["true", "echo >>"] {
        let user = user_with_editor(&user, editor);
        let run = edit_on_terminal(&user, &edit).await.expect(0);
        assert_eq!(run.stdout, "Nothing was changed.\n", "{editor}");
    }
    let appending = user_with_editor(&user, "printf ' and more\n' >>");
    edit_on_terminal(&appending, &edit).await.expect(0);
    let note = script.read(id).await;
    assert_eq!((&note["content"], &note["version"]), (&json!("one line and more"), &json!(2)));
    let failing = user_with_editor(&user, "sh -c 'printf changed > \"$0\"; exit 3'");
    let line = edit_on_terminal(&failing, &edit).await.expect_line(1, "The editor");
    assert_eq!(fs::read(path_in(&line)).expect("kept"), b"changed");

    // The note changes while the editor is open.
    let (opened, go) = (user.home.path().join("opened"), user.home.path().join("go"));
    let script_file = user.home.path().join("editor");
    let steps = format!(
        "printf mine > \"$1\"; touch '{}'; while ! test -e '{}'; do sleep 0.05; done",
        opened.display(),
        go.display()
    );
    fs::write(&script_file, steps).expect("an editor");
    let waiting = user_with_editor(&user, &format!("sh '{}'", script_file.display()));
    let edited = edit_on_terminal(&waiting, &edit);
    let change = async {
        eventually("the editor is open", async || opened.exists()).await;
        let call = Call::new("PUT", &format!("/api/notes/{id}")).json(&json!({"content": "theirs"}));
        script.answer(call).await.expect(200);
        fs::write(&go, "").expect("written");
    };
    let (run, ()) = tokio::join!(edited, change);
    let line = run.expect_line(5, "changed in the meantime");
    assert_eq!(fs::read(path_in(&line)).expect("kept"), b"mine");
    assert_eq!(script.read(id).await["content"], "theirs");
}

/// The same user with this editor.
fn user_with_editor(user: &ClientUser, editor: &str) -> ClientUser {
    let other = ClientUser::new().set("EDITOR", editor);
    let folder = other.folder();
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(user.login_file(), other.login_file()).expect("a login");
    other
}
