//! schemathesis reads the description of the API, and sends what it allows and what it does not. No answer
//! may be outside of the description: an unknown status, another type, a body that does not fit.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{App, Person, environment, run_blocking, server::ServerBuilder};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";
/// Random requests to each call, beside those that the tool derives from the limits of fields.
const EXAMPLES: &str = "6";
/// Logging out would end the token of all other calls. The tool cannot make an archive to import.
const CHOICES: [&[&str]; 2] =
    [&["--exclude-path", "/api/logout", "--exclude-path", "/api/import"], &["--include-path", "/api/logout"]];
/// 503 says that the machine is busy and is described; other server errors fail the run.
const CONFIGURATION: &str = "[checks.not_a_server_error]\n\
    expected-statuses = [\"2xx\", \"3xx\", \"4xx\", \"503\"]\n";

/// Runs the tool on the calls that `choice` names.
fn ask(tool: &Path, folder: &Path, base: &str, token: &str, choice: &[&str]) -> Output {
    std::fs::write(folder.join("schemathesis.toml"), CONFIGURATION).expect("the configuration");
    Command::new("python3")
        .args(["-m", "schemathesis.cli", "run", &format!("{base}/api/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", EXAMPLES])
        .args(["--generation-deterministic", "--no-shrink"])
        .args(["--suppress-health-check", "all", "--request-timeout", "60"])
        .args(["--warnings", "off", "--no-color", "--continue-on-failure"])
        .args(choice)
        .env("PYTHONPATH", tool)
        .current_dir(folder)
        .output()
        .expect("python3")
}

#[tokio::test]
async fn no_answer_of_the_api_is_outside_of_its_description() {
    let Some(tool) = environment::schemathesis() else {
        return environment::skipped("there is no schemathesis");
    };
    let server = ServerBuilder::new().start_async().await;
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    for choice in CHOICES {
        let script = person.script(&app).await;
        script.note("a note for a first page").await;
        let (tool, base) = (tool.clone(), server.base.clone());
        let asked = run_blocking(move || {
            let folder = tempfile::tempdir().expect("a folder");
            ask(&tool, folder.path(), &base, &script.token, choice)
        })
        .await;
        let (output, errors) =
            (String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
        assert!(asked.status.success(), "{choice:?}\n{output}\n{errors}");
    }
}
