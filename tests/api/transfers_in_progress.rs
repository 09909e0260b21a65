//! Exports and imports that go on while something else changes: the login, the client, other people's work.

use std::io::Cursor;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::archives::{import, memory, unfinished, until_leased};
use crate::support::{
    App, Call, Person, Script, database, eventually,
    server::ServerBuilder,
    spawn_app, team,
    zip_bytes::{Packed, ZipBytes},
};

/// Notes of 200 KB that hardly get shorter when they are compressed.
fn long_notes(number: usize) -> Vec<u8> {
    let (mut zip, mut state) = (ZipBytes::default(), 1_u64);
    for file in 0..number {
        let text: Vec<u8> = (0..200_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                b'0' + (state >> 33) as u8 % 64
            })
            .collect();
        zip.file(&format!("{file}.md"), &Packed::stored(&text));
    }
    zip.finish()
}

fn tiny_notes(number: usize, head: &str) -> Vec<u8> {
    let mut zip = ZipBytes::default();
    for file in 0..number {
        zip.file(&format!("{file}.md"), &Packed::stored(format!("{head}note {file}").as_bytes()));
    }
    zip.finish()
}

async fn count_notes(person: &Person) -> i64 {
    let statement = "SELECT count(*) FROM notes WHERE tenant_id = $1 AND user_id = $2";
    database::number(statement, &[&person.tenant_id, &person.user_id]).await
}

/// An export that has begun, and of which the client reads no more for now. HTTP/1.0 has no chunks.
async fn begun_export(script: &Script, scope: &str) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
    let mut stream = socket.connect(script.app.address).await.expect("a connection");
    let head = format!(
        "GET /api/export?scope={scope} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        script.app.base.trim_start_matches("http://"),
        script.token
    );
    stream.write_all(head.as_bytes()).await.expect("a request");
    let mut begin = vec![0; 1_000];
    stream.read_exact(&mut begin).await.expect("the begin of an export");
    assert!(begin.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&begin));
    (stream, begin)
}

/// The notes of an export, or none if it broke off.
async fn rest_of(export: (TcpStream, Vec<u8>)) -> Option<usize> {
    let (mut stream, mut bytes) = export;
    // The server may end the connection with an error.
    let _ = stream.read_to_end(&mut bytes).await;
    let body = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let zip = zip::ZipArchive::new(Cursor::new(bytes.split_off(body))).ok()?;
    Some(zip.file_names().filter(|name| name.as_ref().is_ok_and(|name| name.ends_with(".md"))).count())
}

#[tokio::test]
async fn an_export_breaks_off_when_its_reader_may_read_no_more() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    import(&script, &long_notes(20)).await.expect(200);
    let (removed, lowered, left) =
        (owner.colleague(&app).await, owner.colleague(&app).await, owner.colleague(&app).await);
    let mut exports = Vec::new();
    for person in [&removed, &lowered, &left] {
        team::set_role(owner.tenant_id, person.user_id, "owner").await;
        let reader = person.script(&app).await;
        exports.push((begun_export(&reader, "organization").await, reader));
    }
    script.delete(&format!("/api/members/{}", removed.user_id)).await.expect(204);
    let member = format!("/api/members/{}", lowered.user_id);
    script.patch(&member, &json!({"role": "member"})).await.expect(200);
    exports[2].1.answer(Call::new("POST", "/api/logout")).await.expect(204);
    for ((export, reader), status) in exports.into_iter().zip([401, 403, 401]) {
        eventually("the reader may read no more", async || {
            let path = "/api/export?scope=organization";
            let head = Call::new("HEAD", path).bearer(&reader.token);
            head.send(&reader.app.http, &reader.app.base).await.status == status
        })
        .await;
        assert_eq!(rest_of(export).await, None, "the export of a reader with {status}");
    }
}

#[tokio::test]
async fn an_export_ends_at_the_notes_of_its_begin() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    import(&script, &long_notes(20)).await.expect(200);
    for scope in ["user", "organization"] {
        let listed = rest_of(begun_export(&script, scope).await).await.expect("a whole export");
        let export = begun_export(&script, scope).await;
        script.note("written during the export").await;
        assert_eq!(rest_of(export).await, Some(listed), "{scope}");
    }
}

#[tokio::test]
async fn a_head_request_begins_no_export() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let member = owner.colleague(&app).await;
    let (script, browser) = (owner.script(&app).await, owner.browser(&app).await);
    for path in ["/api/export", "/api/export?scope=organization"] {
        let head = script.answer(Call::new("HEAD", path)).await.expect(200);
        assert_eq!(head.header("content-type"), "application/zip");
        assert!(head.header("content-disposition").contains(".zip"));
    }
    for path in ["/account/export", "/account/export/organization"] {
        browser.answer(Call::new("HEAD", path)).await.expect(200);
    }
    let refused = Call::new("HEAD", "/api/export?scope=organization");
    member.script(&app).await.answer(refused).await.expect(403);
    let begun = |log: String| {
        let of_owner = format!("tenant {}, user {}", owner.tenant_id, owner.user_id);
        log.lines().filter(|line| line.contains("exported") && line.contains(&of_owner)).count()
    };
    assert_eq!(begun(app.log()), 0);
    script.get("/api/export").await.expect(200);
    assert_eq!(begun(app.log()), 1);
}

/// Reads the status of the answer to an import over a raw connection.
async fn status_of(mut stream: TcpStream) -> u16 {
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.expect("an answer");
    crate::support::raw_http::status(&String::from_utf8_lossy(&answer[..read]))
}

#[tokio::test]
async fn an_import_whose_login_ended_during_the_upload_imports_nothing() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let (removed, left, changed) =
        (owner.colleague(&app).await, owner.colleague(&app).await, owner.colleague(&app).await);
    let archive = tiny_notes(30, "");
    // An upload may pause for 20 seconds, so nothing slow happens after its beginning.
    let browser = changed.browser(&app).await;
    let owners_script = owner.script(&app).await;
    let mut logins = Vec::new();
    for person in [&removed, &left, &changed] {
        logins.push((person, person.script(&app).await));
    }
    let mut uploads = Vec::new();
    for (person, script) in logins {
        let stream = unfinished(&app, &script, &archive[..1_000], archive.len()).await;
        until_leased(person).await;
        uploads.push((stream, script));
    }
    owners_script.delete(&format!("/api/members/{}", removed.user_id)).await.expect(204);
    uploads[1].1.answer(Call::new("POST", "/api/logout")).await.expect(204);
    let fields = [("current_password", changed.password.as_str()), ("password", "another long secret")];
    browser.post_retrying("/account/password", &fields).await.expect(303);
    for ((mut stream, script), person) in uploads.into_iter().zip([&removed, &left, &changed]) {
        eventually("the login has ended", async || script.get("/api/notes").await.status == 401).await;
        stream.write_all(&archive[1_000..]).await.expect("the rest");
        assert_eq!(status_of(stream).await, 401);
        assert_eq!(count_notes(person).await, 0);
    }
}

#[tokio::test]
async fn an_import_whose_login_ends_stops_before_its_next_notes() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let member = owner.colleague(&app).await;
    let (script, archive) = (member.script(&app).await, tiny_notes(20_000, ""));
    // Logs in before the import begins, which may be over after a hash on a busy machine.
    let remover = owner.script(&app).await;
    let stream = unfinished(&app, &script, &archive, archive.len()).await;
    eventually("the import has begun", async || count_notes(&member).await > 0).await;
    remover.delete(&format!("/api/members/{}", member.user_id)).await.expect(204);
    assert_eq!(status_of(stream).await, 401);
    assert!(count_notes(&member).await < 20_000);
}

#[tokio::test]
async fn long_imports_of_others_let_a_short_one_pass() {
    spawn_app().await;
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let archive = tiny_notes(20_000, "");
    let mut long = Vec::new();
    for _ in 0..4 {
        let person = Person::founder(&app).await;
        let script = person.script(&app).await;
        long.push((unfinished(&app, &script, &archive, archive.len()).await, person));
    }
    for (_, person) in &long {
        eventually("the long import writes notes", async || count_notes(person).await > 0).await;
    }
    let honest = Person::founder(&app).await.script(&app).await;
    import(&honest, &tiny_notes(1, "")).await.expect(200);
    for (_, person) in &long {
        assert!(count_notes(person).await < 20_000, "the short import waited for a long one");
    }
}

#[tokio::test]
async fn an_import_whose_client_is_gone_ends_and_the_same_archive_continues() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, archive) = (person.script(&app).await, tiny_notes(20_000, ""));
    let stream = unfinished(&app, &script, &archive, archive.len()).await;
    eventually("the import writes notes", async || count_notes(&person).await > 0).await;
    drop(stream);
    let free = "SELECT 1 - count(*) FROM import_leases WHERE tenant_id = $1 AND user_id = $2";
    eventually("the import has ended", async || {
        database::number(free, &[&person.tenant_id, &person.user_id]).await == 1
    })
    .await;
    let taken = count_notes(&person).await;
    assert!(taken < 20_000, "the import went on to its end");
    let report = import(&script, &archive).await.expect(200).json();
    assert_eq!((&report["known"], &report["taken"]), (&json!(taken), &json!(20_000 - taken)), "{report}");
}

#[tokio::test]
async fn large_uploads_of_some_clients_give_way_to_the_upload_of_another() {
    spawn_app().await;
    let server =
        ServerBuilder::new().set("UPLOAD_SPACE", "4").set("PROXY_TRUSTED", "127.0.0.0/8").start_async().await;
    let app = App::of(&server);
    let mut held = Vec::new();
    for client in 1..=4 {
        let script = Person::founder(&app).await.script(&app).await;
        let mut stream = TcpStream::connect(app.address).await.expect("a connection");
        let head = format!(
            "POST /api/import HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             X-Forwarded-For: 192.0.2.{client}\r\nContent-Type: application/zip\r\n\
             Content-Length: 1040001\r\n\r\n",
            app.base.trim_start_matches("http://"),
            script.token
        );
        stream.write_all(head.as_bytes()).await.expect("a head");
        stream.write_all(&vec![b'x'; 1_040_000]).await.expect("a body without its last byte");
        held.push(stream);
    }
    eventually("the uploads have arrived", async || super::archives::held_by(&server) >= 4_160_000).await;
    let honest = Person::founder(&app).await.script(&app).await;
    let call = Call::new("POST", "/api/import").header("X-Forwarded-For", "198.51.100.1");
    honest.answer(call.body("application/zip", long_notes(2))).await.expect(200);
    // One of the four had to give its space up, and reads why.
    assert_eq!(status_of(held.remove(0)).await, 503);
    // A file that is longer than a share never fits.
    let call = Call::new("POST", "/api/import").header("X-Forwarded-For", "198.51.100.2");
    honest.answer(call.body("application/zip", long_notes(6))).await.expect_problem(413);
}

#[tokio::test]
async fn an_import_fills_the_bin_no_further_than_the_limit_of_notes() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    let sql = "INSERT INTO tenant_limits (tenant_id, notes_per_person) VALUES ($1, 30)";
    database::admin().await.execute(sql, &[&person.tenant_id]).await.expect("a limit");
    let binned = script.note("in the bin already").await;
    script.delete(&format!("/api/notes/{binned}")).await.expect(204);
    let archive = tiny_notes(50, "---\ndeleted_at: \"2020-01-01T00:00:00Z\"\n---\n");
    for taken in [29, 0] {
        let report = import(&script, &archive).await.expect(200).json();
        assert_eq!(report["taken"], json!(taken), "{report}");
        assert!(report["stopped"].as_str().is_some_and(|text| text.contains("bin")), "{report}");
    }
    assert_eq!(count_notes(&person).await, 30);
}

#[tokio::test]
async fn long_lists_of_files_take_bounded_memory() {
    spawn_app().await;
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let (name, mut zip) = ("é".repeat(100), ZipBytes::default());
    let empty = Packed::stored(b"");
    // Two bytes for each letter, which are read as two letters of three bytes.
    (0..46_000).for_each(|number| {
        zip.file(&format!("{number}{name}.md"), &empty);
    });
    let archive = zip.finish();
    let mut scripts = Vec::new();
    for _ in 0..4 {
        scripts.push(Person::founder(&app).await.script(&app).await);
    }
    import(&scripts[0], &tiny_notes(2, "")).await.expect(200);
    let before = memory(&server, "VmHWM:");
    assert_eq!(import(&scripts[0], &archive).await.expect(200).json()["refusals"], 46_000);
    let one = memory(&server, "VmHWM:") - before;
    let imports = scripts.iter().map(|script| import(script, &archive));
    for report in futures_util::future::join_all(imports).await {
        assert_eq!(report.expect(200).json()["refusals"], 46_000);
    }
    // Four lists in memory would take three times as much more as one.
    let four = memory(&server, "VmHWM:") - before - one;
    assert!(four < 2 * one, "{one} KiB more for one list, and {four} more for four");
}

#[tokio::test]
async fn an_export_of_many_notes_takes_little_memory() {
    spawn_app().await;
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    // The second export shows what one takes for a while, however many notes it has.
    import(&script, &tiny_notes(500, "")).await.expect(200);
    script.get("/api/export").await.expect(200);
    let sql = "INSERT INTO notes (tenant_id, user_id, title, content, version, created_at, updated_at)
        SELECT $1, $2, 'a title of forty letters and some more of them', 'x', 1, now(), now()
        FROM generate_series(1, 30000)";
    let client = database::admin().await;
    client.execute(sql, &[&person.tenant_id, &person.user_id]).await.expect("notes");
    let before = memory(&server, "VmHWM:");
    let whole = rest_of(begun_export(&script, "user").await).await;
    assert_eq!(whole, Some(30_500));
    let grown = memory(&server, "VmHWM:") - before;
    assert!(grown < 14 * 1024, "{grown} KiB more at the highest");
}
