//! `--storm`: what one tenant sees while another sends far more than the servers can do.

use std::path::PathBuf;
use std::time::Duration;

use pigeonhole::db::index_older_notes;

use crate::bench::{Bench, host_of};
use crate::circumstances::MachineWatch;
use crate::figures::median;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population::{FIRST_TENANT, PeopleGroup, run_paragraphs};
use crate::requests;
use crate::sessions::SessionSet;
use crate::wrk::{LoadResult, Wrk};

/// Between two requests of the neighbour, in milliseconds, as a person does who is not measured by how much
/// fits in a second.
const PAUSE: u64 = 20;
/// The storm begins so long before the neighbour is measured, and lasts so long after.
const EDGE: u64 = 2;
const WARM_UP: u64 = 3;
/// Searches at once that a tenant may well send.
const SEARCHES: usize = 20;
/// How many times more requests than connections a storm is.
const FACTOR: usize = 10;
const MOST_P99: f64 = 3.0;

/// A load of the tenant that storms: its name in the table, its connections, and the file of its requests.
#[derive(Clone)]
struct Load {
    name: String,
    connections: usize,
    file: PathBuf,
}

/// The neighbour and the tenant beside it.
struct Storm {
    neighbour: PathBuf,
    searches: Load,
    many_searches: Load,
    lists: Load,
}

/// Runs the measurement. Gives whether the neighbour got no error.
///
/// # Errors
/// Those of servers and load generators.
pub async fn run(mut options: Options) -> Outcome<bool> {
    (options.tenants, options.users) = (options.tenants.min(100), options.users.min(5));
    let mut bench = Bench::prepare(options).await?;
    bench.make_sessions().await?;
    bench.check_answers().await?;
    let storm = Storm::prepare(&mut bench).await?;
    let loads = [
        ("alone", Vec::new()),
        ("beside 20 searches", vec![&storm.searches]),
        ("beside the storm of another tenant", vec![&storm.many_searches, &storm.lists]),
    ];
    for (_, beside) in &loads {
        storm.measure(&bench, beside, WARM_UP).await?;
    }
    let watch = MachineWatch::start(&bench);
    let mut neighbour: Vec<Vec<LoadResult>> = vec![Vec::new(); loads.len()];
    let mut beside_it: Vec<(String, Vec<LoadResult>)> = Vec::new();
    for _ in 0..bench.options.rounds {
        for (results, (_, beside)) in neighbour.iter_mut().zip(&loads) {
            let (result, others) = storm.measure(&bench, beside, bench.options.seconds).await?;
            results.push(result);
            for (load, other) in beside.iter().zip(others) {
                match beside_it.iter_mut().find(|(name, _)| *name == load.name) {
                    Some((_, all)) => all.push(other),
                    None => beside_it.push((load.name.clone(), vec![other])),
                }
            }
        }
    }
    let circumstances = watch.end(&bench);
    bench.check_answers().await?;
    print_neighbour(&loads.map(|(name, _)| name), &neighbour);
    print_beside(&beside_it);
    print_goals(&neighbour);
    circumstances.print(&bench.options);
    bench.stop().await?;
    Ok(neighbour.iter().flatten().all(|result| result.errors == 0))
}

impl Storm {
    /// Gives the first tenant its long notes, and finds a neighbour on the same node.
    async fn prepare(bench: &mut Bench) -> Outcome<Self> {
        run_paragraphs(&bench.client, include_str!("storm.sql")).await?;
        index_older_notes(&bench.client).await?;
        bench.changed_tenant = Some(FIRST_TENANT);
        let node = |tenant: i64| {
            bench.shards.iter().find(|shard| shard.tenants.contains(&tenant)).map(|shard| &shard.node)
        };
        let here = node(FIRST_TENANT);
        let neighbour = (FIRST_TENANT + 1..=bench.population.last_tenant())
            .find(|tenant| node(*tenant) == here)
            .ok_or("no tenant is on the same node")?;
        let readers = bench.population.size_of(PeopleGroup::Readers);
        let mut set = SessionSet::tokens("storm", PeopleGroup::Readers);
        set.make(&bench.client, bench.population, readers).await?;
        let host = host_of(&bench.on.base).to_owned();
        // The user with the long notes is the first of its tenant.
        let bearers = |tenant: i64| {
            let (set, population) = (&set, bench.population);
            let mut of_tenant: Vec<(i64, String)> = (0..readers)
                .map(|position| (set.person(population, position), set.token(population, position)))
                .filter(|(person, _)| person.tenant == tenant)
                .map(|(person, token)| (person.user, format!("Bearer {token}")))
                .collect();
            of_tenant.sort_unstable();
            of_tenant.into_iter().map(|(_, bearer)| bearer).collect::<Vec<_>>()
        };
        let file = |name: &str, path: &str, bearers: &[String]| -> Outcome<PathBuf> {
            let file = bench.file(name);
            let get = |bearer: &String| requests::get(&host, path, ("Authorization", bearer.as_str()));
            requests::write(&file, bearers.iter().map(get))?;
            Ok(file)
        };
        let (storming, beside) = (bearers(FIRST_TENANT), bearers(neighbour));
        let (searches, lists) = (
            file("storm-searches", "/api/notes?q=nowhere", &storming[..1])?,
            file("storm-lists", "/api/notes", &storming)?,
        );
        let many = FACTOR * bench.options.connections;
        let load = |name: String, connections, file: &PathBuf| Load { name, connections, file: file.clone() };
        Ok(Self {
            neighbour: file("neighbour", "/api/notes", &beside[..1])?,
            searches: load(format!("{SEARCHES} searches at once"), SEARCHES, &searches),
            many_searches: load(format!("storm: {many} searches at once"), many, &searches),
            lists: load(format!("storm: {many} lists at once"), many, &lists),
        })
    }

    /// Measures the neighbour, over one connection, while the loads run.
    async fn measure(
        &self,
        bench: &Bench,
        beside: &[&Load],
        seconds: u64,
    ) -> Outcome<(LoadResult, Vec<LoadResult>)> {
        let base = &bench.on.base;
        let others = beside.iter().map(|load| {
            let long = Wrk { connections: load.connections, timeout: 10, ..bench.wrk(seconds + 2 * EDGE) };
            async move { long.run(base, &load.file).await }
        });
        let neighbour = async {
            if !beside.is_empty() {
                tokio::time::sleep(Duration::from_secs(EDGE)).await;
            }
            let wrk = Wrk { connections: 1, pause: Some(PAUSE), ..bench.wrk(seconds) };
            wrk.run(base, &self.neighbour).await
        };
        tokio::try_join!(neighbour, futures_util::future::try_join_all(others))
    }
}

fn print_neighbour(names: &[&str], results: &[Vec<LoadResult>]) {
    println!();
    println!("| one connection of a tenant         | requests/s | p50 ms | p99 ms | errors |");
    println!("| ---------------------------------- | ---------: | -----: | -----: | -----: |");
    for (name, results) in names.iter().zip(results) {
        let each = |value: fn(&LoadResult) -> f64| median(results.iter().map(value));
        println!(
            "| {name:<34} | {:>10.0} | {:>6.2} | {:>6.2} | {:>6} |",
            each(LoadResult::rate),
            each(|result| result.p50),
            each(|result| result.p99),
            results.iter().map(|result| result.errors).sum::<u64>()
        );
    }
}

fn print_beside(loads: &[(String, Vec<LoadResult>)]) {
    println!();
    println!("| the tenant beside it               | requests/s | p50 ms | p99 ms | refused/s |");
    println!("| ---------------------------------- | ---------: | -----: | -----: | --------: |");
    for (name, results) in loads {
        let seconds: f64 = results.iter().map(|result| result.seconds).sum();
        let refused: u64 = results.iter().map(|result| result.errors).sum();
        let each = |value: fn(&LoadResult) -> f64| median(results.iter().map(value));
        println!(
            "| {name:<34} | {:>10.0} | {:>6.0} | {:>6.0} | {:>9.0} |",
            each(LoadResult::rate),
            each(|result| result.p50),
            each(|result| result.p99),
            refused as f64 / seconds.max(1e-9)
        );
    }
}

fn print_goals(results: &[Vec<LoadResult>]) {
    let p99 = |index: usize| median(results[index].iter().map(|result| result.p99));
    println!();
    for (index, what) in [(1, "beside 20 searches"), (2, "beside the storm")] {
        let ratio = p99(index) / p99(0).max(1e-3);
        let reached = if ratio <= MOST_P99 { "reached" } else { "not reached" };
        println!("- goal: p99 {what} to p99 alone at most {MOST_P99}; measured {ratio:.2}: {reached}");
    }
}
