//! What all measurements share: the database with its people, the servers, the sessions and the key.

use std::path::PathBuf;

use tokio_postgres::Client;

use crate::cookies::Sealer;
use crate::edits::EditedNotes;
use crate::machine::process_size;
use crate::meter::{Measured, idle_round_trips};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::password::stored_hash;
use crate::population::{FIRST_TENANT, NOTES, PeopleGroup, Population, SeededUser};
use crate::serve;
use crate::server_process::ServerProcess;
use crate::sessions::{FIRST_SESSIONS, SessionSet};
use crate::shards::{Shard, connect, shards};
use crate::wrk::{LoadResult, Wrk};

/// Tokens and cookies that are used again and again.
const TOKENS: u64 = 500;
const COOKIES: u64 = 16;

/// The sessions of all rows.
pub struct Sessions {
    pub api_cold: SessionSet,
    pub page_cold: SessionSet,
    pub post_cold: SessionSet,
    pub api: SessionSet,
    pub page: SessionSet,
    pub post: SessionSet,
    pub editors: SessionSet,
    pub floor: SessionSet,
}

impl Sessions {
    fn none() -> Self {
        Self {
            api_cold: SessionSet::tokens("api-cold", PeopleGroup::Readers),
            page_cold: SessionSet::browsers("page-cold"),
            post_cold: SessionSet::tokens("post-cold", PeopleGroup::Writers),
            api: SessionSet::tokens("api", PeopleGroup::Readers),
            page: SessionSet::browsers("page"),
            post: SessionSet::tokens("post", PeopleGroup::Writers),
            editors: SessionSet::tokens("editors", PeopleGroup::Editors),
            floor: SessionSet::tokens("floor", PeopleGroup::Readers),
        }
    }

    /// Those of which each session is used once.
    pub fn cold(&mut self) -> [(&'static str, &mut SessionSet); 3] {
        [
            ("api-cold", &mut self.api_cold),
            ("page-cold", &mut self.page_cold),
            ("post-cold", &mut self.post_cold),
        ]
    }
}

/// The state of a run.
pub struct Bench {
    pub options: Options,
    /// A connection to the coordinator, as superuser.
    pub client: Client,
    pub population: Population,
    pub sealer: Sealer,
    /// The measured server.
    pub on: ServerProcess,
    /// The one without routing.
    pub off: Option<ServerProcess>,
    pub floor: Option<ServerProcess>,
    pub shards: Vec<Shard>,
    pub sessions: Sessions,
    pub edited: EditedNotes,
    /// The position of the next reader who logs in.
    pub next_login: u64,
    /// A tenant whose lists are no longer those of the seed.
    pub changed_tenant: Option<i64>,
    /// Round trips to the database in a second without load.
    pub idle_round_trips: f64,
    /// Resident memory of the server before any load, in bytes.
    pub idle_memory: u64,
}

impl Bench {
    /// Starts the server, which migrates the database, and adds the people with their notes.
    ///
    /// # Errors
    /// Those of the server and the statements.
    pub async fn prepare(options: Options) -> Outcome<Self> {
        let sealer = Sealer::generate()?;
        let on = serve::start(&options, &sealer, "on", &[], &[]).await?;
        let idle_memory = process_size(on.pid(), "VmRSS:").unwrap_or(0);
        let client = connect(&options.nodes[0]).await?;
        let population = Population { tenants: options.tenants, users: options.users };
        population.seed(&options.nodes, &client, &stored_hash().await?).await?;
        let shards = shards(&client, &options.nodes[0], FIRST_TENANT, options.citus()).await?;
        let idle_round_trips = idle_round_trips(on.console.as_deref().ok_or("no console")?).await?;
        Ok(Self {
            options,
            client,
            population,
            sealer,
            on,
            off: None,
            floor: None,
            shards,
            sessions: Sessions::none(),
            edited: EditedNotes::default(),
            next_login: 0,
            changed_tenant: None,
            idle_round_trips,
            idle_memory,
        })
    }

    /// Makes the sessions that are used again and again, and the first ones of the others.
    ///
    /// # Errors
    /// Those of COPY.
    pub async fn make_sessions(&mut self) -> Outcome<()> {
        let (client, population) = (&self.client, self.population);
        let readers = population.size_of(PeopleGroup::Readers);
        let editors = population.size_of(PeopleGroup::Editors);
        let sessions = &mut self.sessions;
        for (set, count) in [
            (&mut sessions.api, TOKENS),
            (&mut sessions.post, TOKENS),
            (&mut sessions.page, COOKIES),
            (&mut sessions.editors, editors),
            (&mut sessions.floor, readers.min(FIRST_SESSIONS)),
        ] {
            set.make(client, population, count).await?;
        }
        for (_, set) in sessions.cold() {
            set.make(client, population, FIRST_SESSIONS).await?;
        }
        client.batch_execute("VACUUM (ANALYZE) sessions").await?;
        Ok(())
    }

    /// The values of the header `Authorization` of a set that is used again and again.
    pub fn bearers(&self, set: &SessionSet, count: u64) -> Vec<String> {
        (0..count).map(|position| format!("Bearer {}", set.token(self.population, position))).collect()
    }

    /// The tokens of 500 readers.
    pub fn tokens(&self) -> Vec<String> {
        self.bearers(&self.sessions.api, TOKENS)
    }

    /// The tokens of 500 writers.
    pub fn writers(&self) -> Vec<String> {
        self.bearers(&self.sessions.post, TOKENS)
    }

    /// The 16 cookies with their users.
    pub fn cookies(&self) -> Vec<(SeededUser, String)> {
        let set = &self.sessions.page;
        let cookie = |position| {
            let token = set.token(self.population, position);
            (set.person(self.population, position), self.sealer.session(&token))
        };
        (0..COOKIES).map(cookie).collect()
    }

    /// The latest notes of a user, as pages and API list them.
    ///
    /// # Errors
    /// That of the statement.
    pub async fn notes_of(&self, person: SeededUser) -> Outcome<Vec<i64>> {
        let sql = "SELECT id FROM notes WHERE tenant_id = $1 AND user_id = $2 AND deleted_at IS NULL \
                   ORDER BY created_at DESC, id DESC LIMIT $3";
        let rows = self.client.query(sql, &[&person.tenant, &person.user, &i64::try_from(NOTES)?]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// wrk with the connections of the run.
    pub fn wrk(&self, seconds: u64) -> Wrk<'_> {
        let (folder, connections) = (self.options.folder.as_path(), self.options.connections);
        Wrk { folder, connections, seconds, timeout: 5, pause: None }
    }

    /// The file with the requests of a load.
    pub fn file(&self, name: &str) -> PathBuf {
        self.options.folder.join(format!("requests-{name}"))
    }

    /// The processes of a measurement of this server.
    pub fn measured(&self, server: Option<&ServerProcess>) -> Measured {
        Measured {
            server: server.map(ServerProcess::pid),
            console: server.and_then(|server| server.console.clone()),
            postmasters: self.options.postmasters.clone(),
        }
    }

    /// Sends the requests of a file to the measured server with the run's connections.
    ///
    /// # Errors
    /// wrk's output when it failed.
    pub async fn send(&self, name: &str, seconds: u64) -> Outcome<LoadResult> {
        self.wrk(seconds).run(&self.on.base, &self.file(name)).await
    }

    /// Stops all servers.
    ///
    /// # Errors
    /// That of the first server that could not be stopped.
    pub async fn stop(self) -> Outcome<()> {
        for server in [Some(self.on), self.off, self.floor].into_iter().flatten() {
            server.stop().await?;
        }
        Ok(())
    }
}

/// The value of the header `Host` for a base such as `http://127.0.0.1:5000`.
pub fn host_of(base: &str) -> &str {
    base.trim_start_matches("http://")
}
