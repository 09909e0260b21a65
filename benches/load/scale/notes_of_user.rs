//! Notes of one user, from 10 on, ten times as many at each point.

use pigeonhole::db::index_older_notes;

use crate::bench::Bench;
use crate::outcome::Outcome;
use crate::population::{FIRST_TENANT, SeededUser};
use crate::sessions::SessionSet;

use super::{Point, print_growth, print_head, print_point};

/// Where the numbers of these users begin within their tenants.
const FIRST_USER: i64 = 900;

/// Measures the list of each user over one connection, and a search that finds nothing.
pub async fn measure(bench: &mut Bench) -> Outcome<()> {
    let most = i64::try_from(bench.options.sizes.notes_of_user)?;
    let (mut first, mut last) = (None, Point::default());
    print_head("notes of one user", " search p50 ms |");
    let (mut notes, mut step) = (10, 0);
    while notes <= most {
        let tenant = FIRST_TENANT + step % bench.population.tenants;
        let person = SeededUser { tenant, user: tenant * 1000 + FIRST_USER + step };
        add(bench, person, notes).await?;
        let mut set = SessionSet::of_people("scale-user", vec![person], step.unsigned_abs()).in_browsers();
        set.make(&bench.client, bench.population, 1).await?;
        let cookies = [bench.sealer.session(&set.token(bench.population, 0))];
        let point = bench.pages("/notes", &cookies, 1).await?;
        let search = bench.pages("/search?q=nowhere", &cookies, 1).await?;
        print_point(&notes.to_string(), point, &format!(" {:.2} |", search.p50));
        first.get_or_insert(point);
        last = point;
        (notes, step) = (notes * 10, step + 1);
    }
    print_growth("the notes of one user", first.unwrap_or_default(), last);
    Ok(())
}

/// Adds a user with so many notes.
async fn add(bench: &Bench, person: SeededUser, notes: i64) -> Outcome<()> {
    let SeededUser { tenant, user } = person;
    bench
        .client
        .batch_execute(&format!(
            "INSERT INTO shared.users (id, tenant_id, username, username_key, password, role) \
             VALUES ({user}, {tenant}, 'scale{user}', 'scale{user}', 'no login', 'member')"
        ))
        .await?;
    bench
        .client
        .batch_execute(&format!(
            "INSERT INTO notes (tenant_id, user_id, title, content, created_at, updated_at) \
             SELECT {tenant}, {user}, 'Meeting ' || n, pg_temp.text_of({user}, n), \
             now() - n * interval '1 minute', now() - n * interval '1 minute' \
             FROM generate_series(1, {notes}) n"
        ))
        .await?;
    index_older_notes(&bench.client).await?;
    bench.client.batch_execute("VACUUM (ANALYZE) notes").await?;
    Ok(())
}
