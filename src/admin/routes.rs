//! The map of the console. Every row needs the console's token, where one is set, unless it is public.

use actix_web::web;

use super::guard::require_token;
use super::navigation::{ConsolePage, PAGES};
use super::pages::{
    activity, application, connections, drain, events, isolation, job_cancellation, jobs, limits, login,
    messages, metrics, network, rebalance, shards, statements, tenants, termination, verdicts,
};
use crate::web::routes::{self, AnyHandler, Extractors};
use crate::web::{Route, assets, health};

/// All rows.
pub fn all() -> Vec<Route> {
    [navigation_pages(), action_pages(), technical_pages()].into_iter().flatten().collect()
}

/// Adds all rows to the console's server.
pub(super) fn register(config: &mut web::ServiceConfig) {
    routes::register(config, all(), require_token);
}

fn navigation_pages() -> Vec<Route> {
    let [verdicts, shards, tenants, jobs, activity, statements, connections, network, application, events] =
        PAGES;
    [
        page(verdicts, verdicts::show),
        page(shards, shards::show),
        page(tenants, tenants::show),
        page(jobs, jobs::show),
        page(activity, activity::show),
        page(statements, statements::show),
        page(connections, connections::show),
        page(network, network::show),
        page(application, application::show),
        page(events, events::show),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The three paths of a page; its handler sees from the path which form to answer in.
fn page<Args: Extractors>(page: ConsolePage, handler: impl AnyHandler<Args>) -> [Route; 3] {
    [page.path, page.json, page.text].map(|path| Route::get(path, handler.clone()))
}

/// The actions; `…/new` shows what an action would do and asks for confirmation.
fn action_pages() -> Vec<Route> {
    vec![
        // Statement statistics
        Route::get("/statements/reset/new", statements::new_reset),
        Route::post("/statements/reset", statements::create_reset),
        // Failed messages
        Route::get("/messages/replay/new", messages::new_replay),
        Route::post("/messages/replay", messages::create_replay),
        Route::get("/messages/removal/new", messages::new_removal),
        Route::post("/messages/removal", messages::create_removal),
        // Jobs
        Route::get("/jobs/rebalance/new", rebalance::new),
        Route::post("/jobs/rebalance", rebalance::create),
        Route::get("/jobs/{id}/cancellation/new", job_cancellation::new),
        Route::post("/jobs/{id}/cancellation", job_cancellation::create),
        // Nodes
        Route::get("/nodes/{group}/drain/new", drain::new),
        Route::post("/nodes/{group}/drain", drain::create),
        Route::get("/nodes/{group}/drain/cancellation/new", drain::new_cancellation),
        Route::post("/nodes/{group}/drain/cancellation", drain::create_cancellation),
        // Tenants
        Route::get("/tenants/{tenant}/isolation/new", isolation::new),
        Route::post("/tenants/{tenant}/isolation", isolation::create),
        Route::get("/tenants/limits/new", limits::new),
        Route::post("/tenants/limits", limits::create),
        // Connections of other processes
        Route::get("/activity/{group}/{pid}/cancellation/new", termination::new_cancellation),
        Route::post("/activity/{group}/{pid}/cancellation", termination::create_cancellation),
        Route::get("/activity/{group}/{pid}/termination/new", termination::new_termination),
        Route::post("/activity/{group}/{pid}/termination", termination::create_termination),
    ]
}

fn technical_pages() -> Vec<Route> {
    vec![
        // Start
        Route::get("/", verdicts::home),
        // Login
        Route::get("/login", login::new).public(),
        Route::post("/login", login::create).public(),
        Route::post("/logout", login::destroy),
        // Prometheus
        Route::get("/metrics", metrics::show),
        // Health
        Route::get("/livez", health::live).public(),
        // Static files
        Route::get("/static/{file}", assets::show).public(),
    ]
}
