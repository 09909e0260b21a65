//! Notes in all, of tenants of all sizes, as `pigeonhole seed` makes them.

use tokio::process::Command;

use crate::bench::Bench;
use crate::outcome::Outcome;
use crate::population::{FIRST_TENANT, SeededUser, checkpoint};
use crate::sessions::SessionSet;
use crate::shards::url_on;

use super::{print_growth, print_head, print_point};

const SMALL: u64 = 100_000;
/// Users whose lists are measured at each point.
const PEOPLE: i64 = 2_000;

/// Measures the lists of the same users at two sizes of the database.
pub async fn measure(bench: &mut Bench) -> Outcome<()> {
    let large = bench.options.sizes.notes.max(SMALL);
    seed(bench, SMALL).await?;
    let people = people(bench).await?;
    let mut set = SessionSet::of_people("scale-notes", people, 0).in_browsers();
    let small = bench.cold_pages(&mut set).await?;
    if large > SMALL {
        seed(bench, large - SMALL).await?;
    }
    let grown = bench.cold_pages(&mut set).await?;
    print_head("notes in all, cold sessions", "");
    print_point(&format!("{SMALL} more than the bench's own"), small, "");
    print_point(&large.to_string(), grown, "");
    print_growth("the notes in all", small, grown);
    Ok(())
}

/// Adds notes in tenants of all sizes, and one user for every hundred notes.
async fn seed(bench: &Bench, notes: u64) -> Outcome<()> {
    eprintln!("bench: seeding {notes} notes");
    let status = Command::new(&bench.options.binary)
        .args(["seed", "--tenants", &(notes / 10_000 + 1).to_string()])
        .args(["--users", &(notes / 100).to_string(), "--notes", &notes.to_string()])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DATA_DIR", bench.options.folder.join("data-seed"))
        .env("DATABASE_URL", url_on(&bench.options.nodes[0]))
        .current_dir(&bench.options.folder)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .status()
        .await?;
    if !status.success() {
        return Err("pigeonhole seed failed".into());
    }
    bench.client.batch_execute("VACUUM (ANALYZE) notes").await?;
    checkpoint(&bench.options.nodes).await
}

/// The first seeded users with more than a page of notes.
async fn people(bench: &Bench) -> Outcome<Vec<SeededUser>> {
    let sql = "SELECT tenant_id, user_id FROM notes WHERE tenant_id > $1 OR tenant_id < $2
        GROUP BY tenant_id, user_id HAVING count(*) > 20 ORDER BY user_id LIMIT $3";
    let rows = bench.client.query(sql, &[&bench.population.last_tenant(), &FIRST_TENANT, &PEOPLE]).await?;
    let people: Vec<SeededUser> =
        rows.iter().map(|row| SeededUser { tenant: row.get(0), user: row.get(1) }).collect();
    if people.is_empty() { Err("no seeded user has more than 20 notes".into()) } else { Ok(people) }
}
