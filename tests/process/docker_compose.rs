//! Checks of docker-compose.yml and docker/ that need no Docker engine. bin/test-containers does the rest.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const FILE: &str = include_str!("../../docker-compose.yml");
const DOCKERFILE: &str = include_str!("../../Dockerfile");
const GUIDE: &str = include_str!("../../docs/docker.md");

/// The lines of the YAML block below this line, without their indentation.
fn block_below<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| line.trim_end() != head).skip(1);
    let depth = |line: &str| line.len() - line.trim_start().len();
    let own = depth(head);
    let mut found = Vec::new();
    for line in &mut lines {
        if !line.trim().is_empty() && depth(line) <= own {
            break;
        }
        found.push(line.trim());
    }
    found
}

/// All environment variables of services and shared blocks, as (owner, variable, value).
fn environments() -> Vec<(String, String, String)> {
    let mut owner = String::new();
    let (mut inside, mut found) = (None, Vec::new());
    for line in FILE.lines() {
        let depth = line.len() - line.trim_start().len();
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if inside.is_some_and(|head| depth <= head) {
            inside = None;
        }
        if let (Some(_), Some((name, value))) = (inside, text.split_once(':')) {
            found.push((owner.clone(), name.to_owned(), value.trim().to_owned()));
        } else if text == "environment:" {
            inside = Some(depth);
        } else if depth == 0 || depth == 2 && text.ends_with(':') {
            owner = text.split(':').next().unwrap_or_default().to_owned();
        }
    }
    found
}

#[test]
fn only_the_secrets_container_has_secrets_in_its_environment() {
    let all = environments();
    for known in ["x-node", "secrets", "init", "web", "rabbitmq", "worker"] {
        assert!(all.iter().any(|(owner, _, _)| owner == known), "the environment of {known} was not found");
    }
    for (owner, name, value) in all {
        let secret = ["PASSWORD", "SECRET", "TOKEN", "DATABASE_URL", "AMQP_URL", "COOKIE"]
            .iter()
            .any(|word| name.contains(word));
        // The number of tokens is no token.
        if !secret || name.starts_with("LIMIT_") {
            continue;
        }
        if owner == "secrets" {
            assert_eq!(
                value,
                format!("${{{name}:-}}"),
                "only what .env says, and nothing where it says nothing"
            );
        } else {
            assert!(name.ends_with("_FILE") && value.starts_with("/secrets/"), "{owner} has {name}: {value}");
        }
    }
}

#[test]
fn the_worker_process_has_neither_the_consoles_token_nor_the_cookies_key() {
    let mounts = |service: &str| block_below(FILE, &format!("  {service}:")).join("\n");
    assert!(mounts("web").contains("web_secrets:/secrets/web:ro"));
    let worker = mounts("worker");
    assert!(worker.contains("worker_secrets:/secrets/worker:ro"), "{worker}");
    assert!(!worker.contains("web_secrets") && !worker.contains("ADMIN"), "{worker}");
    assert!(DOCKERFILE.contains("/layout/secrets/worker"));
}

/// Old releases of runc give a tmpfs, at the second start, the mode of the folder that they created at the
/// first. A folder of the image has the right mode.
#[test]
fn tmpfs_mounts_are_at_folders_of_the_images() {
    let have = ["/tmp", "/var/run/postgresql", "/var/lib/postgresql/data", "/var/log/rabbitmq"];
    let lines: Vec<&str> = FILE.lines().map(str::trim).filter(|line| line.starts_with("tmpfs:")).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        for folder in line.split('"').filter(|part| part.starts_with('/')) {
            let folder = folder.split(':').next().unwrap_or_default();
            assert!(have.contains(&folder), "{folder}");
        }
    }
}

#[test]
fn uploads_are_on_a_volume_and_file_limits_are_16384() {
    assert!(DOCKERFILE.contains("DATA_DIR=/var/lib/pigeonhole"));
    assert!(
        block_below(FILE, "  web:")
            .iter()
            .any(|line| line.starts_with("volumes: [\"web_data:/var/lib/pigeonhole\","))
    );
    let limits: Vec<&str> = FILE.lines().map(str::trim).filter(|line| line.starts_with("nofile:")).collect();
    assert_eq!(limits, ["nofile: 16384"; 3], "the application's, the nodes' and the broker's");
}

#[test]
fn the_docker_guide_names_every_setting_and_backs_up_every_volume() {
    for part in FILE.split("${").skip(1) {
        let name = part.split([':', '}']).next().unwrap_or_default();
        if name != "PIGEONHOLE_TAG" {
            assert!(GUIDE.contains(&format!("`{name}`")), "docs/docker.md does not name {name}");
        }
    }
    let volumes: BTreeSet<&str> =
        block_below(FILE, "volumes:").iter().filter_map(|line| line.strip_suffix(": {}")).collect();
    let line = GUIDE.lines().find_map(|line| line.strip_prefix("for volume in ")).expect("the backup");
    let saved: BTreeSet<&str> = line.trim_end_matches("; do").split(' ').collect();
    let left: Vec<&&str> = volumes.difference(&saved).collect();
    assert_eq!(left, [&"citus_worker_3_data", &"rabbitmq_data", &"web_data"]);
    assert!(saved.is_subset(&volumes));
}

/// A node's folder, with fake programs of the image that record their arguments and environment.
struct Node {
    folder: TempDir,
}

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let node = Self { folder };
        for name in ["bin", "run", "secrets"] {
            fs::create_dir(node.at(name)).expect(name);
        }
        fs::write(node.at("secrets/postgres_password"), r"a:b\c").expect("a password");
        fs::write(node.at("secrets/node_password"), "of the nodes").expect("a password");
        node.program(
            "postgres",
            "[[ ${1:-} != --describe-config ]] || { echo output_plugin_libraries; exit; }\n\
             [[ ${1:-} != --version ]] || { echo 'postgres (PostgreSQL) 15.20 (Debian 15.20-1)'; exit; \
             }\nenv >server.env\necho \"$@\" >server.arguments",
        );
        node.program(
            "docker-ensure-initdb.sh",
            "env >first.env\nmkdir -p \"$PGDATA\"\necho 15 >\"$PGDATA/PG_VERSION\"\n[[ ! -e interrupted \
             ]]\ntouch \"$PGDATA/whole\"",
        );
        node
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/usr/bin/env bash\nset -e\n{text}\n")).expect(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect(name);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).expect(name)
    }

    /// Starts the node with passwords in the environment, as the image's entry point or a careless operator
    /// sets them.
    fn start(&self) -> Output {
        Command::new("bash")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/node.sh"))
            .arg("postgres")
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.at("bin").display()))
            .env("PGDATA", self.at("pgdata"))
            .env("NODE_SECRETS", self.at("secrets"))
            .env("NODE_RUN", self.at("run"))
            .env("SHARED_BUFFERS", "128MB")
            .env("PGPASSWORD", "planted")
            .env("POSTGRES_PASSWORD", "planted")
            .output()
            .expect("bash")
    }
}

#[test]
fn a_database_node_has_no_password_in_its_environment_or_arguments() {
    let node = Node::new();
    let output = node.start();
    assert!(output.status.success(), "{output:?}");
    let (first, server, arguments) =
        (node.read("first.env"), node.read("server.env"), node.read("server.arguments"));
    assert!(first.contains("POSTGRES_PASSWORD_FILE="), "{first}");
    for text in [&first, &server, &arguments] {
        assert!(
            !text.contains("planted") && !text.contains("a:b") && !text.contains("of the nodes"),
            "{text}"
        );
    }
    assert!(server.contains("PGPASSFILE=") && !server.contains("PASSWORD"), "{server}");
    let passwords = node.read("run/pgpass");
    assert_eq!(passwords, "*:*:*:postgres:a\\:b\\\\c\n*:*:*:*:of the nodes\n");
    let mode = fs::metadata(node.at("run/pgpass")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let settings = node.read("run/postgresql.conf");
    assert!(
        settings.contains("shared_buffers = '128MB'") && settings.contains("output_plugin_libraries"),
        "{settings}"
    );
}

#[test]
fn an_interrupted_first_start_is_repeated_and_a_complete_folder_is_kept() {
    let node = Node::new();
    fs::write(node.at("interrupted"), "").expect("a file");
    assert!(!node.start().status.success());
    assert!(node.at("pgdata.unfinished").exists() && node.at("pgdata/PG_VERSION").exists());
    fs::remove_file(node.at("interrupted")).expect("a file");
    fs::write(node.at("pgdata/half"), "").expect("a file");
    assert!(node.start().status.success());
    assert!(
        node.at("pgdata/whole").exists()
            && !node.at("pgdata/half").exists()
            && !node.at("pgdata.unfinished").exists()
    );

    fs::write(node.at("pgdata/rows"), "").expect("a file");
    assert!(node.start().status.success());
    assert!(node.at("pgdata/rows").exists());
}

#[test]
fn data_of_another_postgresql_version_is_refused_by_name() {
    let node = Node::new();
    assert!(node.start().status.success());
    fs::write(node.at("pgdata/PG_VERSION"), "14\n").expect("a version");
    fs::remove_file(node.at("server.env")).expect("a trace of the first start");
    let refused = node.start();
    assert!(!refused.status.success());
    let output = String::from_utf8_lossy(&refused.stderr);
    assert!(
        output.contains("PostgreSQL 14")
            && output.contains("PostgreSQL 15")
            && output.contains("CITUS_IMAGE"),
        "{output}"
    );
    assert!(node.at("pgdata/whole").exists() && !node.at("server.env").exists());
}
