//! Archives that no honest program writes, and uploads that compete or do not arrive.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{
    Answer, App, Browser, Call, Person, Script, database, eventually, raw_http,
    server::{Server, ServerBuilder},
    spawn_app,
    zip_bytes::{ENCRYPTED, LZMA, Packed, ZipBytes},
};

pub(super) async fn import(script: &Script, archive: &[u8]) -> Answer {
    script.answer(Call::new("POST", "/api/import").body("application/zip", archive)).await
}

fn form(parts: &[(&str, &[u8])]) -> Call {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head =
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"n.zip\"\r\n\r\n");
        body.extend(head.into_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--edge--\r\n");
    Call::new("POST", "/account/import").body("multipart/form-data; boundary=edge", body)
}

async fn notes(script: &Script) -> usize {
    script.get("/api/notes").await.expect(200).json().as_array().map_or(0, Vec::len)
}

/// Many files that all lead to the data of one: 220 KB that would unpack to 104 MB.
fn one_text_under_400_names() -> Vec<u8> {
    let text: String = (0..261_000_u32)
        .map(|number| char::from(b'A' + (number.wrapping_mul(2_654_435_761) >> 16) as u8 % 58))
        .collect();
    let (data, mut zip) = (Packed::deflated(text.as_bytes()), ZipBytes::default());
    let offset = zip.data("0.md", &data);
    for number in 0..400 {
        zip.listed(&format!("{number}.md"), &data, offset);
    }
    zip.finish()
}

/// A file whose data has the header and the data of the next one in it.
fn one_file_inside_of_another() -> Vec<u8> {
    let mut zip = ZipBytes::default();
    let mut outer = Packed::stored(b"text");
    let offset = zip.data("outer.md", &outer);
    let inner = Packed::stored(b"inner");
    zip.file("inner.md", &inner);
    (outer.packed, outer.unpacked) = (43, 43);
    zip.listed("outer.md", &outer, offset);
    zip.finish()
}

/// A file whose data has the list of files in it.
fn a_file_that_ends_in_the_list() -> Vec<u8> {
    let mut zip = ZipBytes::default();
    let mut data = Packed::stored(b"text");
    let offset = zip.data("a.md", &data);
    (data.packed, data.unpacked) = (20, 20);
    zip.listed("a.md", &data, offset);
    zip.finish()
}

fn folders(number: usize, files: &[&str]) -> Vec<u8> {
    let (data, mut zip) = (Packed::stored(b""), ZipBytes::default());
    for folder in 0..number {
        zip.file(&format!("{folder}/"), &data);
    }
    for path in files {
        zip.file(path, &Packed::stored(b"text"));
    }
    zip.finish()
}

/// Notes of 256 KiB whose compressed bytes are a thousandth of that.
fn thousandfold(files: usize) -> Vec<u8> {
    let (data, mut zip) = (Packed::deflated(&[b'x'; 256 * 1024]), ZipBytes::default());
    for number in 0..files {
        zip.file(&format!("{number}.md"), &data);
    }
    zip.finish()
}

fn of_one(path: &str, data: &Packed) -> Vec<u8> {
    let mut zip = ZipBytes::default();
    zip.file("good.md", &Packed::stored(b"good"));
    zip.file(path, data);
    zip.finish()
}

fn many_entries(of_each: impl Fn(&mut ZipBytes), said: u64) -> Vec<u8> {
    let mut zip = ZipBytes::default();
    of_each(&mut zip);
    zip.finish_with(said)
}

/// Each archive with words of the sentence that refuses it.
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = Packed::deflated(b"text");
    let million = |zip: &mut ZipBytes| {
        let folder = Packed::stored(b"");
        let offset = zip.data("0/", &folder);
        (0..1_000_000).for_each(|number| zip.listed(&format!("{number}/"), &folder, offset));
    };
    let long_paths = |zip: &mut ZipBytes| {
        let path = "p".repeat(60_000);
        for number in 0..220 {
            zip.file(&format!("{path}{number}.md"), &Packed::stored(b"text"));
        }
    };
    let one = |zip: &mut ZipBytes| {
        zip.file("a.md", &Packed::stored(b"text"));
    };
    vec![
        ("one text, 400 names", one_text_under_400_names(), "overlap"),
        ("a file in a file", one_file_inside_of_another(), "overlap"),
        ("a file in the list", a_file_that_ends_in_the_list(), "overlap"),
        ("50,001 folders", folders(50_001, &[]), "50,000 files"),
        ("65,535 notes", folders(65_534, &["a.md"]), "50,000 files"),
        ("1,000,000 folders", many_entries(million, 1_000_000), "50,000 files"),
        ("13 MB of paths", many_entries(long_paths, 220), "paths of the files"),
        ("more said than listed", many_entries(one, 50_000), "no ZIP"),
        ("2^40 said", many_entries(one, 1 << 40), "no ZIP"),
        ("1 GiB and more of notes", thousandfold(4_097), "1 GiB"),
        (
            "1 GiB of another kind",
            of_one("x.bin", &Packed { unpacked: 1 << 30, ..text.clone() }),
            "100 times",
        ),
        ("a file of 1 MB of zeros", of_one("zeros.md", &Packed::deflated(&vec![0; 1_000_000])), "100 times"),
        ("encrypted", of_one("a.md", &Packed { flags: ENCRYPTED, ..text.clone() }), "password"),
        ("LZMA", of_one("a.md", &Packed { method: LZMA, ..text.clone() }), "not supported"),
        ("a ZIP in a ZIP", of_one("r/r.ZIP", &Packed::deflated(&thousandfold(4_000))), "another archive"),
        ("a path twice", of_one("good.md", &text), "same name"),
        ("bytes in front", [b"#!/bin/sh\n".to_vec(), of_one("a.md", &text)].concat(), "no ZIP"),
        ("bytes behind", [of_one("a.md", &text), vec![0; 10]].concat(), "no ZIP"),
    ]
}

/// A number of /proc/PID/status, in KiB.
pub(super) fn memory(server: &Server, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid)).expect("a process");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test]
async fn hostile_archives_are_refused_before_anything_is_unpacked() {
    spawn_app().await;
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    import(&script, &of_one("a.md", &Packed::deflated(b"text"))).await.expect(200);
    let before = memory(&server, "VmHWM:");
    for (kind, archive, words) in hostile() {
        let problem = import(&script, &archive).await;
        assert_eq!(problem.status, 422, "{kind}: {}", problem.text());
        let problem = problem.expect_field_problem(422, "file");
        let sentence = problem["errors"][0]["message"].as_str().expect("a sentence");
        assert!(sentence.contains(words), "{kind}: {sentence}");
        let page = browser.answer(form(&[("file", archive.as_slice())])).await.expect(422).text();
        assert!(page.contains(sentence), "{kind}: {page}");
    }
    assert_eq!(notes(&script).await, 2, "a refused archive left notes");
    let grown = memory(&server, "VmHWM:") - before;
    assert!(grown < 60 * 1024, "{grown} KiB more at the highest");
}

#[tokio::test]
async fn an_archive_at_the_limits_is_imported_whole() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let many = import(&script, &folders(49_998, &["a.md", "b.md"])).await.expect(200).json();
    assert_eq!((&many["taken"], &many["refusals"]), (&2.into(), &0.into()), "{many}");
    let dense = import(&script, &thousandfold(9)).await.expect(200).json();
    assert_eq!((&dense["taken"], &dense["refusals"]), (&9.into(), &0.into()), "{dense}");
    let everything = Packed { unpacked: u32::MAX - 1, ..Packed::deflated(b"{}") };
    let export = import(&script, &of_one("pigeonhole.json", &everything)).await.expect(200).json();
    assert_eq!(export["taken"], 1, "{export}");
}

#[tokio::test]
async fn a_file_that_is_longer_than_the_archive_says_is_refused_and_the_rest_comes_in() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let long = Packed::deflated(&[b'x'; 200_000]);
    for unpacked in [0, 10, 199_999, 200_001] {
        let report = import(&script, &of_one("liar.md", &Packed { unpacked, ..long.clone() })).await;
        let report = report.expect(200).json();
        assert_eq!((&report["refusals"], &report["refused"][0]["file"]), (&1.into(), &"liar.md".into()));
    }
    assert_eq!(notes(&script).await, 1);
}

/// An import over the API that has begun and whose body does not end.
pub(super) async fn unfinished(app: &App, script: &Script, body: &[u8], length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    let head = format!(
        "POST /api/import HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/zip\r\nContent-Length: {length}\r\n\r\n",
        app.base.trim_start_matches("http://"),
        script.token
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    stream.write_all(body).await.expect("a body");
    stream
}

/// Waits until the person's lease is taken.
pub(super) async fn until_leased(person: &Person) {
    let client = database::admin().await;
    eventually("the import has begun", async || {
        let sql = "SELECT 1 FROM import_leases WHERE tenant_id = $1 AND user_id = $2";
        client.query_opt(sql, &[&person.tenant_id, &person.user_id]).await.expect("a row").is_some()
    })
    .await;
}

#[tokio::test]
async fn a_person_runs_one_import_at_a_time_over_all_servers() {
    let app = spawn_app().await;
    let second_server = ServerBuilder::new().start_async().await;
    let elsewhere = App::of(&second_server);
    let person = Person::founder(&app).await;
    let (script, other) = (person.script(&app).await, person.colleague(&app).await.script(&app).await);
    let archive = of_one("a.md", &Packed::deflated(b"text"));
    let running = unfinished(&app, &script, &archive[..10], archive.len()).await;
    until_leased(&person).await;
    for place in [&app, &elsewhere] {
        let here = Script { app: place.clone(), ..script.clone() };
        let problem = import(&here, &archive).await.expect_problem(409);
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("Another import of yours")));
        let browser: Browser = person.browser(place).await;
        let page = browser.answer(form(&[("file", archive.as_slice())])).await.expect(409).text();
        assert!(page.contains("Another import of yours"), "{page}");
    }
    // Another person is not kept out.
    assert_eq!(import(&other, &archive).await.expect(200).json()["taken"], 2);
    drop(running);
    eventually("the import that broke off makes room", async || {
        import(&script, &archive).await.status == 200
    })
    .await;
    import(&script, &archive).await.expect(200);
}

#[tokio::test]
async fn an_organization_runs_as_many_imports_at_one_time_as_it_may() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let (first, second) = (owner.colleague(&app).await, owner.colleague(&app).await);
    let archive = of_one("a.md", &Packed::deflated(b"text"));
    let sql = "INSERT INTO tenant_limits (tenant_id, imports) VALUES ($1, 2)";
    database::admin().await.execute(sql, &[&owner.tenant_id]).await.expect("a limit");
    let mut running = Vec::new();
    for person in [&first, &second] {
        let script = person.script(&app).await;
        running.push(unfinished(&app, &script, &archive[..10], archive.len()).await);
        until_leased(person).await;
    }
    let script = owner.script(&app).await;
    let usage: Value = script.get("/api/usage").await.expect(200).json();
    assert_eq!(usage["organization"]["imports"], json!({"used": 2, "limit": 2}));
    import(&script, &archive).await.expect_field_problem(422, "imports");
    let browser = owner.browser(&app).await;
    let page = browser.answer(form(&[("file", archive.as_slice())])).await.expect(422).text();
    assert!(page.contains("Other people of your organization import notes now."), "{page}");
    // Each of the two still hears of the own import, and an import of another organization is let in.
    import(&first.script(&app).await, &archive).await.expect_problem(409);
    let elsewhere = Person::founder(&app).await.script(&app).await;
    import(&elsewhere, &archive).await.expect(200);
    drop(running.pop());
    eventually("the import that broke off makes room", async || {
        import(&script, &archive).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn the_import_of_a_killed_process_makes_room_when_its_lease_expires() {
    let app = spawn_app().await;
    let killed = ServerBuilder::new().start_async().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let archive = of_one("a.md", &Packed::deflated(b"text"));
    let _running = unfinished(&App::of(&killed), &script, &archive[..10], archive.len()).await;
    until_leased(&person).await;
    killed.kill_async().await;
    import(&script, &archive).await.expect_problem(409);
    let client = database::admin().await;
    let sql = "UPDATE import_leases SET expires_at = now() - interval '1 second' \
               WHERE tenant_id = $1 AND user_id = $2";
    client.execute(sql, &[&person.tenant_id, &person.user_id]).await.expect("a lease that has expired");
    import(&script, &archive).await.expect(200);
}

/// The bytes of the files that a server has open in its folder of uploads.
pub(super) fn held_by(server: &Server) -> u64 {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid)).expect("the open files");
    let uploads = files.flatten().filter(|file| {
        std::fs::read_link(file.path()).is_ok_and(|target| target.to_string_lossy().contains("/uploads/"))
    });
    uploads.filter_map(|file| std::fs::metadata(file.path()).ok()).map(|file| file.len()).sum()
}

#[tokio::test]
async fn uploads_of_all_people_hold_no_more_disk_than_the_setting_says() {
    spawn_app().await;
    let server = ServerBuilder::new().set("UPLOAD_SPACE", "4").start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let (first, second) = (person.script(&app).await, person.colleague(&app).await.script(&app).await);
    let mut zip = ZipBytes::default();
    for number in 0..4 {
        zip.file(&format!("{number}.md"), &Packed::stored(&[b'x'; 200_000]));
    }
    let archive = zip.finish();
    let running = unfinished(&app, &first, &archive[..700_000], archive.len()).await;
    eventually("the first upload has arrived", async || held_by(&server) >= 700_000).await;
    let refused = import(&second, &archive).await;
    assert!(!refused.header("retry-after").is_empty());
    let problem: Value = refused.expect_problem(503);
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("being imported right now")));
    drop(running);
    eventually("the space is free again", async || import(&second, &archive).await.status == 200).await;
}

#[tokio::test]
async fn an_import_needs_no_folder_for_temporary_files() {
    spawn_app().await;
    let data = tempfile::tempdir().expect("a folder");
    let server = ServerBuilder::new()
        .set("TMPDIR", "/nonexistent")
        .set("DATA_DIR", data.path().to_str().expect("a path"))
        .start_async()
        .await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let archive = of_one("a.md", &Packed::deflated(b"text"));
    let browser = person.browser(&app).await;
    browser.answer(form(&[("file", archive.as_slice())])).await.expect(200);
    let folder = data.path().join("uploads");
    let mode = std::fs::metadata(&folder).expect("the folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 0);
}

#[tokio::test]
async fn what_a_form_has_besides_its_file_is_bounded() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let archive = of_one("a.md", &Packed::deflated(b"text"));
    let file = ("file", archive.as_slice());
    browser.answer(form(&[("other", &[b'x'; 16 * 1024]), file])).await.expect(200);
    let page = browser.answer(form(&[("other", &[b'x'; 16 * 1024 + 1]), file])).await.expect(413).text();
    assert!(page.contains("larger than"), "{page}");
    let few = [b'x'; 3_000];
    browser.answer(form(&[("a", &few), ("b", &few), ("c", &few), ("d", &few), file])).await.expect(200);
    let small: &[u8] = b"x";
    let many: Vec<_> = (0..9).map(|_| ("other", small)).chain([file]).collect();
    browser.answer(form(&many)).await.expect(413);
    browser.answer(form(&[("other", small)])).await.expect(422);
}

#[tokio::test]
async fn an_upload_that_announces_too_much_is_refused_before_it_arrives() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let mut stream = unfinished(&app, &script, b"PK", 256 * 1024 * 1024 + 1).await;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.expect("an answer");
    assert_eq!(raw_http::status(&String::from_utf8_lossy(&answer[..read])), 413);
}

/// Sends a form up to a part of its first field, then a byte from time to time. Gives the answer.
async fn slow_form(app: &App, cookie: &str, name: &str, pause: Option<u64>) -> u16 {
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    let head = format!(
        "POST /account/import HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: 1000000\r\n\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n",
        app.base.trim_start_matches("http://")
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    let (mut reader, mut writer) = stream.into_split();
    let trickle = async {
        let Some(pause) = pause else { return std::future::pending().await };
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(pause)).await;
            if writer.write_all(b"x").await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let mut answer = vec![0; 64];
    let read = async { reader.read(&mut answer).await.unwrap_or(0) };
    let read = tokio::select! { read = read => read, () = trickle => 0 };
    raw_http::status(&String::from_utf8_lossy(&answer[..read]))
}

#[tokio::test]
async fn a_form_that_pauses_or_trickles_is_cut_off_in_each_of_its_fields() {
    let app = spawn_app().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    let (third, fourth) = (Person::founder(&app).await, Person::founder(&app).await);
    let mut cookies = Vec::new();
    for person in [&first, &second, &third, &fourth] {
        cookies.push(person.browser(&app).await.cookie_header());
    }
    let ends = tokio::join!(
        slow_form(&app, &cookies[0], "other", None),
        slow_form(&app, &cookies[1], "other", Some(3)),
        slow_form(&app, &cookies[2], "file", None),
        slow_form(&app, &cookies[3], "file", Some(3)),
    );
    assert_eq!(ends, (408, 408, 408, 408));
}
