//! A run of the rows: warm-up, rounds, checks and the report.

use crate::bench::Bench;
use crate::chart;
use crate::circumstances::{Circumstances, MachineWatch};
use crate::document::{ColdSessions, Document};
use crate::edits::EditedNotes;
use crate::figures::{RowFigures, figures_of};
use crate::goals::goals_of;
use crate::measure::Round;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population::checkpoint;
use crate::rows::{Load, RowDescription, chosen};
use crate::scraped::Scraped;
use crate::serve;
use crate::table;

/// Each row is measured for so many seconds before the rounds: connections open, and statements are prepared
/// for the shards.
const WARM_UP: u64 = 4;

/// Measures all chosen rows in rounds, and prints the report. Gives whether all answers were right.
///
/// # Errors
/// Those of servers and load generators, and a wrong answer of a check.
pub async fn run(options: Options) -> Outcome<bool> {
    let rows = chosen(&options.only, options.citus());
    let (rounds, seconds) = (options.rounds, options.seconds);
    let mut bench = Bench::prepare(options).await?;
    bench.make_sessions().await?;
    bench.start_others(&rows).await?;
    bench.edited = EditedNotes::read(&bench.client, bench.population, &bench.sessions.editors).await?;
    bench.check_answers().await?;
    eprintln!("bench: warm-up, then {rounds} rounds of {} rows of {seconds} s", rows.len());
    for row in &rows {
        bench.measure(row, WARM_UP).await?;
    }
    bench.make_cold_sessions(&rows, rounds as u64, seconds).await?;
    let watch = MachineWatch::start(&bench);
    let mut measured: Vec<(&RowDescription, Vec<Round>)> =
        rows.iter().map(|row| (*row, Vec::new())).collect();
    let mut remembered = [None; 3];
    for round in 1..=rounds {
        for (row, figures) in &mut measured {
            let before = bench.lookups().await?;
            let one = bench.measure(row, seconds).await?;
            let answers = one.requests_per_second * seconds as f64;
            count_remembered(&mut remembered, row.name, answers, (before, bench.lookups().await?));
            eprintln!("bench: round {round}, {}: {:.0}/s", row.label, one.requests_per_second);
            figures.push(one);
        }
    }
    let circumstances = watch.end(&bench);
    bench.check_answers().await?;
    let figures = figures_of(measured);
    report(&mut bench, &figures, &circumstances, remembered)?;
    bench.stop().await?;
    Ok(figures.iter().all(|row| row.wrong() == 0))
}

/// Adds the sessions of a row of cold ones that the server did not look up in the database. It may ask its
/// memory more than once for a request, so its hits tell less.
fn count_remembered(
    counts: &mut [Option<f64>; 3],
    row: &str,
    answers: f64,
    (before, after): (Option<f64>, Option<f64>),
) {
    let place = ["api-cold", "page-cold", "post-cold"].iter().position(|name| *name == row);
    if let (Some(place), Some(before), Some(after)) = (place, before, after) {
        let remembered = (answers - (after - before)).max(0.0).floor();
        counts[place] = Some(counts[place].unwrap_or(0.0) + remembered);
    }
}

fn report(
    bench: &mut Bench,
    figures: &[RowFigures],
    circumstances: &Circumstances,
    remembered: [Option<f64>; 3],
) -> Outcome<()> {
    let options = bench.options.clone();
    table::print(figures, options.connections);
    let cold: Vec<ColdSessions> = bench
        .sessions
        .cold()
        .into_iter()
        .zip(remembered)
        .filter(|((row, _), _)| figures.iter().any(|figure| figure.name == *row))
        .map(|((row, set), remembered)| ColdSessions {
            row,
            sessions: set.used,
            shortest_pause_s: set.smallest,
            remembered,
        })
        .collect();
    print_cold(&cold);
    let login = figures.iter().find_map(RowFigures::login);
    if let Some(login) = login {
        println!(
            "- login: {:.1} hashes/s of {:.0} ms each are {:.0} % of the cores; GET /notes of people p50 \
             {:.1} and p99 {:.1} ms without, {:.1} and {:.1} ms meanwhile",
            login.hashes_per_second,
            1000.0 * login.hash_seconds,
            100.0 * login.share_of_cores,
            login.quiet_p50_ms,
            login.quiet_p99_ms,
            login.meanwhile_p50_ms,
            login.meanwhile_p99_ms
        );
    }
    println!();
    let goals = goals_of(figures, options.citus());
    goals.iter().for_each(|goal| println!("{goal}"));
    circumstances.print(&options);
    if let Some(path) = &options.json {
        let (rounds, seconds, connections) = (options.rounds, options.seconds, options.connections);
        let (tenants, users, format) = (options.tenants, options.users, Document::format());
        let (rows, cold, goals) = (figures, cold.as_slice(), goals.as_slice());
        Document {
            format,
            circumstances,
            connections,
            rounds,
            seconds,
            tenants,
            users,
            rows,
            cold,
            login,
            goals,
        }
        .write(path)?;
    }
    if let Some(path) = &options.svg {
        chart::write(path, figures, options.citus(), circumstances)?;
    }
    Ok(())
}

fn print_cold(cold: &[ColdSessions]) {
    println!();
    for set in cold {
        let pause = set.shortest_pause_s.map_or("-".to_owned(), |pause| format!("{pause:.0} s"));
        let remembered = set.remembered.map_or_else(
            || "the server does not count those it remembers".to_owned(),
            |count| format!("the server remembered {count:.0}"),
        );
        println!(
            "- {}: {} sessions, each used once, the last use at least {pause} before; {remembered}",
            set.row, set.sessions
        );
    }
}

impl Bench {
    /// Starts the servers that rows compare with.
    async fn start_others(&mut self, rows: &[&RowDescription]) -> Outcome<()> {
        if rows.iter().any(|row| matches!(row.load, Load::RoutingOff(_))) {
            let off = [("TENANT_ROUTING", "off")];
            self.off = Some(serve::start(&self.options, &self.sealer, "off", &off, &[]).await?);
        }
        if rows.iter().any(|row| row.load == Load::Floor) {
            self.floor = Some(serve::start_floor(&self.options).await?);
        }
        Ok(())
    }

    /// Makes the cold sessions of all rounds, by the rates of the warm-up, so that rounds only measure.
    async fn make_cold_sessions(
        &mut self,
        rows: &[&RowDescription],
        rounds: u64,
        seconds: u64,
    ) -> Outcome<()> {
        let (client, population) = (&self.client, self.population);
        for (name, set) in self.sessions.cold() {
            if rows.iter().any(|row| row.name == name) {
                set.make_for(client, population, rounds, seconds).await?;
            }
        }
        client.batch_execute("VACUUM (ANALYZE) sessions").await?;
        checkpoint(&self.options.nodes).await
    }

    /// Sessions that the server looked up in the database, if it counts them.
    async fn lookups(&self) -> Outcome<Option<f64>> {
        let console = self.on.console.as_deref().ok_or("no console")?;
        Ok(Scraped::read(console).await?.sum("pigeonhole_session_cache_misses_total", &[]))
    }
}
