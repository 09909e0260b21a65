//! A RabbitMQ for one test, with its own ports, folder, cookie and port mapper, which can be killed and
//! restarted. It cannot outlive the tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::postgres::free_port;
use super::{environment, run_blocking};

const SUPERVISOR: &str = r#"
exec 3<&0
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 3<&- </dev/null >/dev/null 2>&1 &
mapper=$!
"$@" 3<&- </dev/null >>"$HOME/output" 2>&1 &
server=$!
echo $server >"$HOME/pid"
( cat <&3 >/dev/null; kill -KILL $server; kill $mapper ) >/dev/null 2>&1 &
supervisor=$!
wait $server
kill $supervisor $mapper 2>/dev/null
"#;

/// Longer than a start takes on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);

pub struct Broker {
    /// The value of AMQP_URL.
    pub url: String,
    port: u16,
    settings: Vec<(&'static str, String)>,
    program: PathBuf,
    supervisor: Option<Child>,
    directory: TempDir,
}

impl Broker {
    /// A running broker. None where RabbitMQ is not installed; the test then counts as skipped.
    pub async fn start() -> Option<Self> {
        let Some(program) = environment::rabbitmq_server() else {
            environment::skipped("there is no RabbitMQ");
            return None;
        };
        Some(run_blocking(move || Self::start_with(program)).await)
    }

    /// The same with the path of rabbitmq-server.
    pub fn start_with(program: PathBuf) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let folder = directory.path().display().to_string();
        std::fs::write(directory.path().join("plugins"), "[].").expect("plugins");
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = false\ndisk_free_limit.absolute = 10MB\n"
        );
        std::fs::write(directory.path().join("rabbitmq.conf"), settings).expect("settings");
        let settings = vec![
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
            ("RABBITMQ_NODENAME", format!("tests{port}@localhost")),
            ("RABBITMQ_DIST_PORT", free_port().to_string()),
            ("RABBITMQ_MNESIA_BASE", format!("{folder}/data")),
            ("RABBITMQ_LOG_BASE", format!("{folder}/log")),
            ("RABBITMQ_CONFIG_FILE", format!("{folder}/rabbitmq.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", format!("{folder}/plugins")),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2".to_owned(),
            ),
            ("ERL_EPMD_PORT", free_port().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            // The script then replaces itself by the server, so its pid is the server's.
            ("detached", "1".to_owned()),
            ("HOME", folder),
        ];
        let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
        let mut broker = Self { url, port, settings, program, supervisor: None, directory };
        broker.resume();
        broker
    }

    /// Starts the broker, also after [`Broker::kill`], and waits until it answers.
    pub fn resume(&mut self) {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&self.program)
            .env_clear()
            .envs(self.settings.clone());
        self.supervisor = Some(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a broker"),
        );
        let deadline = Instant::now() + START_DEADLINE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "RabbitMQ did not start: {}", self.output());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("output")).unwrap_or_default()
    }

    /// Kills the broker with SIGKILL.
    pub fn kill(&mut self) {
        let _ = kill_process(self.pid(), Signal::KILL);
        if let Some(mut supervisor) = self.supervisor.take() {
            supervisor.wait().expect("the end");
        }
    }

    fn pid(&self) -> Pid {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).expect("a pid");
        Pid::from_raw(pid.trim().parse().expect("a pid")).expect("a pid")
    }

    /// Runs rabbitmqctl.
    pub fn control(&self, arguments: &[&str]) {
        let program = self.program.parent().unwrap_or(Path::new("/usr/sbin")).join("rabbitmqctl");
        let ran = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(self.settings.clone())
            .output()
            .expect("rabbitmqctl");
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    }

    /// An AMQP channel, to inspect queues and to inject faults.
    pub async fn channel(&self) -> (lapin::Connection, lapin::Channel) {
        let connection = lapin::Connection::connect(&self.url, lapin::ConnectionProperties::default())
            .await
            .expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}
