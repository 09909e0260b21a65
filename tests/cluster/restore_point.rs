//! A cluster is backed up node by node and restored to one restore point, as docs/cluster.md describes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, kill_process, test_kill_process};
use tokio_postgres::Client;

use super::http_load::HttpLoad;
use super::nodes::{number, run_on};
use super::sign_up_load::{Newcomer, SignUpLoad};
use crate::support::data_folder::{DataFolder, start_or_skip, stop};
use crate::support::server::Server;
use crate::support::{App, Person, Script, environment, eventually, run_blocking};

/// The coordinator and the workers, as folders of DATA_DIR.
const NODES: [&str; 3] = [".", "worker1", "worker2"];
/// Backups and archived logs, in a folder for each node.
const BACKUP: &str = "../backup";

fn tables(folder: &DataFolder, node: &str) -> PathBuf {
    folder.path.join(node).join("pgdata")
}

/// The archived log of a node.
fn archive(folder: &DataFolder, node: &str) -> PathBuf {
    folder.path.join(BACKUP).join(node).join("log")
}

fn base_backup(folder: &DataFolder, node: &str) -> PathBuf {
    folder.path.join(BACKUP).join(node).join("base")
}

/// Gives a folder to the account that the lost tables belong to.
fn give_to_server(path: &Path, owner: &fs::Metadata) {
    let owner = format!("{}:{}", owner.uid(), owner.gid());
    let given = Command::new("chown").args(["-R", &owner]).arg(path).status().expect("chown");
    assert!(given.success(), "{}", path.display());
}

/// Sets archiving on every node, and starts the cluster again.
async fn start_archiving(folder: &DataFolder, server: Server) -> (Server, App) {
    for (name, node) in NODES.iter().zip(folder.all_nodes().await) {
        let archive = archive(folder, name);
        fs::create_dir_all(&archive).expect("a folder");
        give_to_server(&archive, &fs::metadata(tables(folder, name)).expect("the tables"));
        let copy = format!("cp %p {0}/%f.part && mv {0}/%f.part {0}/%f", archive.display());
        node.batch_execute("ALTER SYSTEM SET archive_mode = on").await.expect("a setting");
        node.batch_execute(&format!("ALTER SYSTEM SET archive_command = '{copy}'")).await.expect("a setting");
    }
    stop(server).await;
    folder.start(&[]).await
}

/// A base backup of every node, one after the other.
async fn back_up(folder: &DataFolder) {
    for (name, port) in NODES.iter().zip(folder.ports()) {
        let mut command = Command::new(environment::postgres_bin().join("pg_basebackup"));
        command.arg("-h").arg(folder.path.join(name).join("run")).args(["-p", &port.to_string()]);
        command.args(["-U", "postgres", "--checkpoint=fast", "-D"]).arg(base_backup(folder, name));
        let output = run_blocking(move || command.output().expect("pg_basebackup")).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Makes a restore point and waits until its segment of each node's log is archived. Returns its name.
async fn make_point(folder: &DataFolder) -> String {
    let made = run_on(&folder.coordinator_url(), &["cluster", "backup-point", "hourly"]).await;
    let made = made.expect(0).output;
    let mut lines = made.lines().skip_while(|line| !line.starts_with("restore point "));
    let name = lines.next().and_then(|line| line.split(' ').nth(2)).expect("a name").to_owned();
    let positions: Vec<&str> = lines.filter_map(|line| line.rsplit_once(": ")).map(|(_, at)| at).collect();
    assert_eq!(positions.len(), NODES.len(), "{made}");
    for ((node, position), client) in NODES.iter().zip(positions).zip(folder.all_nodes().await) {
        let segment = format!("SELECT pg_walfile_name('{position}')");
        let segment: String = client.query_one(&segment, &[]).await.expect("a segment").get(0);
        let file = archive(folder, node).join(segment);
        eventually("the point's segment is archived", async || file.exists()).await;
    }
    name
}

/// Kills everything, so that no node archives the rest of its log.
async fn lose_all_nodes(folder: &DataFolder, server: Server) {
    server.kill_async().await;
    for name in NODES {
        let postmaster = folder.postmaster(name);
        let _ = kill_process(postmaster, Signal::QUIT);
        eventually("the node has ended", async || test_kill_process(postmaster).is_err()).await;
    }
}

/// Puts the backup of every node in place, to be replayed up to the point.
fn restore(folder: &DataFolder, point: &str) {
    for name in NODES {
        let (tables, lost) = (tables(folder, name), folder.path.join(name).join("pgdata.lost"));
        fs::rename(&tables, &lost).expect("the lost tables");
        fs::rename(base_backup(folder, name), &tables).expect("the backup");
        let settings = tables.join("postgresql.auto.conf");
        let mut text = fs::read_to_string(&settings).expect("the settings");
        let archive = archive(folder, name);
        text += &format!(
            "restore_command = 'cp {}/%f \"%p\"'\nrecovery_target_name = '{point}'\n\
             recovery_target_action = 'promote'\n",
            archive.display()
        );
        fs::write(&settings, text).expect("the settings");
        fs::write(tables.join("recovery.signal"), "").expect("the signal");
        give_to_server(&tables, &fs::metadata(lost).expect("the lost tables"));
    }
}

/// What was acknowledged before the command that makes the point, and after it.
struct Acknowledged {
    notes: Vec<(i64, i64, String)>,
    sign_ups: Vec<Newcomer>,
    later_notes: Vec<i64>,
}

/// Makes the point under a load of notes and sign-ups.
async fn make_point_under_load(
    folder: &DataFolder,
    app: &App,
    people: &[(Person, Script)],
) -> (String, Acknowledged) {
    let (load, sign_ups) = (HttpLoad::start(people, 4), SignUpLoad::start(app));
    eventually("notes are written", async || load.acknowledged() >= 100).await;
    sign_ups.wait_for_more().await;
    let (notes, newcomers) = (load.acknowledged_notes(), sign_ups.acknowledged());
    let point = make_point(folder).await;
    let mut later_notes = Vec::new();
    for (_, script) in people {
        later_notes.push(script.note("written after the point").await);
    }
    let enough = load.acknowledged() + 50;
    eventually("the load goes on", async || load.acknowledged() >= enough).await;
    sign_ups.wait_for_more().await;
    let report = sign_ups.stop().await;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    load.stop().await.assert_nothing_lost("a restore point", &folder.coordinator().await).await;
    (point, Acknowledged { notes, sign_ups: newcomers, later_notes })
}

#[tokio::test]
async fn a_cluster_restored_to_a_point_has_what_was_acknowledged_before_and_nothing_torn() {
    let Some((folder, server, _)) = start_or_skip().await else { return };
    let (server, app) = start_archiving(&folder, server).await;
    let mut people = Vec::new();
    for _ in 0..8 {
        let person = Person::founder(&app).await;
        people.push((person.clone(), person.script(&app).await));
    }
    back_up(&folder).await;
    let (point, acknowledged) = make_point_under_load(&folder, &app, &people).await;
    lose_all_nodes(&folder, server).await;
    restore(&folder, &point);

    let (server, app) = folder.start(&[]).await;
    let coordinator = folder.coordinator().await;
    assert_notes_are_those_of_the_point(&coordinator, &acknowledged).await;
    for newcomer in &acknowledged.sign_ups {
        newcomer.assert_whole(&app, &coordinator).await;
    }
    assert_nothing_is_torn(&folder, &coordinator).await;
    let largest = number(&coordinator, "SELECT max(id) FROM notes").await;
    for (person, script) in people {
        let script = Script { app: app.clone(), token: script.token };
        let new = script.note("written after the restore").await;
        assert_eq!(script.read(new).await["content"], "written after the restore");
        person.browser(&app).await;
    }
    assert!(largest < number(&coordinator, "SELECT max(id) FROM notes").await);
    run_on(&folder.coordinator_url(), &["cluster", "status"]).await.expect(0);
    stop(server).await;
}

async fn assert_notes_are_those_of_the_point(coordinator: &Client, acknowledged: &Acknowledged) {
    let rows = coordinator.query("SELECT tenant_id, id, content FROM notes", &[]).await.expect("notes");
    let there: BTreeSet<(i64, i64, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(there.len(), rows.len(), "a note is there twice");
    let lost = acknowledged.notes.iter().filter(|note| !there.contains(note)).count();
    println!(
        "{} notes and {} sign-ups acknowledged before the point, {lost} notes lost; {} notes restored",
        acknowledged.notes.len(),
        acknowledged.sign_ups.len(),
        there.len()
    );
    assert_eq!(lost, 0);
    let later = there.iter().filter(|(_, id, _)| acknowledged.later_notes.contains(id)).count();
    assert_eq!(later, 0, "the log was replayed beyond the point");
}

/// A sign-up writes the tenant on every node, the account on the tenant's node, and its directory entries on
/// the nodes of their hashes.
async fn assert_nothing_is_torn(folder: &DataFolder, coordinator: &Client) {
    let mut copies = BTreeSet::new();
    for node in folder.all_nodes().await {
        eventually("no transaction is left prepared", async || {
            number(&node, "SELECT count(*) FROM pg_prepared_xacts").await == 0
        })
        .await;
        let tenants = "SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM shared.tenants t";
        copies.insert(node.query_one(tenants, &[]).await.expect(tenants).get::<_, String>(0));
    }
    assert_eq!(copies.len(), 1, "the nodes have different tenants");
    let pairs = async |statement: &'static str| {
        let rows = coordinator.query(statement, &[]).await.expect(statement);
        rows.iter().map(|row| (row.get(0), row.get(1))).collect::<BTreeSet<(i64, i64)>>()
    };
    let users = pairs("SELECT tenant_id, id FROM shared.users").await;
    assert_eq!(users, pairs("SELECT tenant_id, user_id FROM logins").await);
    let tenants = pairs("SELECT id, 0::bigint FROM shared.tenants WHERE id <> 1").await;
    assert_eq!(users.iter().map(|(tenant, _)| (*tenant, 0)).collect::<BTreeSet<_>>(), tenants);
}
