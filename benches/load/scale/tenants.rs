//! Tenants, each a row of a table that is on every node: sign-ups a second, and the session's lookup, which
//! reads the tenant.

use crate::bench::{Bench, host_of};
use crate::meter::Meter;
use crate::outcome::Outcome;
use crate::requests;
use crate::serve;
use crate::sessions::SessionSet;
use crate::wire;
use crate::wrk::Wrk;

use super::{Point, print_growth, print_head, print_point};

/// More sign-ups than a measurement can do: a hash costs milliseconds.
const SIGN_UPS_A_SECOND: u64 = 200;

/// Measures both at the bench's own tenants, and at ten times as many up to the given number.
pub async fn measure(bench: &mut Bench) -> Outcome<()> {
    let most = i64::try_from(bench.options.sizes.tenants)?;
    // With the cheapest password hashes, as these cost the same however many tenants there are.
    let cheap = [("BCRYPT_COST", "10")];
    let server = serve::start(&bench.options, &bench.sealer, "cheap", &cheap, &[]).await?;
    let mut set = SessionSet::browsers("scale-tenants");
    let mut lists_at = Vec::new();
    print_head("tenants, cold sessions", " sign-ups/s | sign-up p50 ms | sign-up database µs |");
    let mut tenants = bench.population.tenants;
    let mut point = 0;
    loop {
        let sign_ups = sign_ups(bench, &server, point).await?;
        let lists = bench.cold_pages(&mut set).await?;
        let more = format!(" {:.1} | {:.1} | {:.0} |", sign_ups.rate, sign_ups.p50, sign_ups.database);
        print_point(&tenants.to_string(), lists, &more);
        lists_at.push(lists);
        if tenants >= most {
            break;
        }
        let next = (tenants * 10).min(most);
        add(bench, next - tenants).await?;
        (tenants, point) = (next, point + 1);
    }
    let ends = (lists_at.first().copied(), lists_at.last().copied());
    print_growth("the tenants", ends.0.unwrap_or_default(), ends.1.unwrap_or_default());
    server.stop().await
}

/// Adds empty tenants behind those that there are.
async fn add(bench: &Bench, count: i64) -> Outcome<()> {
    eprintln!("bench: adding {count} tenants");
    let last: i64 = bench.client.query_one("SELECT max(id) FROM shared.tenants", &[]).await?.get(0);
    let (first, end) = (last + 1, last + count);
    let sql = format!(
        "INSERT INTO shared.tenants (id, name, name_key) SELECT t, 'Empty ' || t, 'empty ' || t \
         FROM generate_series({first}, {end}) t"
    );
    bench.client.batch_execute(&sql).await?;
    bench.client.batch_execute(&format!("SELECT setval('shared.tenants_id_seq', {end})")).await?;
    bench.client.batch_execute("VACUUM (ANALYZE) shared.tenants").await?;
    Ok(())
}

/// Founding organizations through the form.
async fn sign_ups(
    bench: &Bench,
    server: &crate::server_process::ServerProcess,
    point: usize,
) -> Outcome<Point> {
    let (host, seconds) = (host_of(&server.base), bench.options.seconds);
    let sign_up = |number: u64| {
        let name = format!("founder{point}x{number}");
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("username", name.as_str()),
                ("password", "walks through walls and doors"),
                ("tenant_name", &format!("Founded {point} {number}")),
            ])
            .finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        wire::request(host, "POST", "/register", &headers, body.as_bytes())
    };
    requests::write(&bench.file("sign-ups"), (0..seconds * SIGN_UPS_A_SECOND).map(sign_up))?;
    let meter = Meter::start(bench.measured(Some(server))).await?;
    // Four at once: more than the cores, and no more than the queue of hashes takes of one address.
    let wrk = Wrk { connections: 4, timeout: 20, ..bench.wrk(seconds) };
    let result = wrk.run(&server.base, &bench.file("sign-ups")).await?;
    let costs = meter.end(&result, bench.idle_round_trips).await?;
    if result.errors > 0 {
        return Err(format!("{} of {} sign-ups failed", result.errors, result.requests).into());
    }
    Ok(Point { rate: result.rate(), p50: result.p50, database: costs.database, ..Point::default() })
}
