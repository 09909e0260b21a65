//! The map of the console. A page's row gives three addresses, its path and the same with .json and .txt;
//! actions are rows of the kind that the application has.

use actix_web::web;

use super::{access, pages};
use crate::web::{Route, assets, health, routes};

/// A page of numbers.
pub struct Page {
    /// Its path.
    pub path: &'static str,
    /// What the navigation calls it, and `pigeonhole console` in small letters.
    pub name: &'static str,
    /// Its handler.
    pub handler: routes::Handler,
}

/// The pages, in the order of the navigation.
pub const PAGES: &[Page] = &[
    Page { path: "/verdicts", name: "Verdicts", handler: |route| route.to(pages::verdicts::show) },
    Page { path: "/shards", name: "Shards", handler: |route| route.to(pages::shards::show) },
    Page { path: "/tenants", name: "Tenants", handler: |route| route.to(pages::tenants::show) },
    Page { path: "/jobs", name: "Jobs", handler: |route| route.to(pages::jobs::show) },
    Page { path: "/activity", name: "Activity", handler: |route| route.to(pages::activity::show) },
    Page { path: "/statements", name: "Statements", handler: |route| route.to(pages::statements::show) },
    Page { path: "/connections", name: "Connections", handler: |route| route.to(pages::connections::show) },
    Page { path: "/network", name: "Network", handler: |route| route.to(pages::network::show) },
    Page { path: "/application", name: "Application", handler: |route| route.to(pages::application::show) },
    Page { path: "/events", name: "Events", handler: |route| route.to(pages::events::show) },
];

/// Everything else.
pub const ROUTES: &[Route] = &[
    Route { method: "GET", path: "/", public: false, handler: |route| route.to(pages::verdicts::home) },
    Route { method: "GET", path: "/login", public: true, handler: |route| route.to(access::new) },
    Route { method: "POST", path: "/login", public: true, handler: |route| route.to(access::create) },
    Route { method: "POST", path: "/logout", public: false, handler: |route| route.to(access::delete) },
    Route {
        method: "GET",
        path: "/statements/resetting/new",
        public: false,
        handler: |route| route.to(pages::statements::reset_new),
    },
    Route {
        method: "POST",
        path: "/statements/resetting",
        public: false,
        handler: |route| route.to(pages::statements::reset),
    },
    Route { method: "GET", path: "/metrics", public: false, handler: |route| route.to(pages::metrics::show) },
    Route {
        method: "GET",
        path: "/messages/replay/new",
        public: false,
        handler: |route| route.to(pages::messages::new_replay),
    },
    Route {
        method: "POST",
        path: "/messages/replay",
        public: false,
        handler: |route| route.to(pages::messages::create_replay),
    },
    Route {
        method: "GET",
        path: "/messages/dropping/new",
        public: false,
        handler: |route| route.to(pages::messages::new_dropping),
    },
    Route {
        method: "POST",
        path: "/messages/dropping",
        public: false,
        handler: |route| route.to(pages::messages::create_dropping),
    },
    Route {
        method: "GET",
        path: "/jobs/rebalance/new",
        public: false,
        handler: |route| route.to(pages::rebalance::new),
    },
    Route {
        method: "POST",
        path: "/jobs/rebalance",
        public: false,
        handler: |route| route.to(pages::rebalance::create),
    },
    Route {
        method: "GET",
        path: "/jobs/{id}/cancellation/new",
        public: false,
        handler: |route| route.to(pages::job_cancellation::new),
    },
    Route {
        method: "POST",
        path: "/jobs/{id}/cancellation",
        public: false,
        handler: |route| route.to(pages::job_cancellation::create),
    },
    Route {
        method: "GET",
        path: "/nodes/{group}/drain/new",
        public: false,
        handler: |route| route.to(pages::drain::new),
    },
    Route {
        method: "POST",
        path: "/nodes/{group}/drain",
        public: false,
        handler: |route| route.to(pages::drain::create),
    },
    Route {
        method: "GET",
        path: "/nodes/{group}/drain/undoing/new",
        public: false,
        handler: |route| route.to(pages::drain::undo_new),
    },
    Route {
        method: "POST",
        path: "/nodes/{group}/drain/undoing",
        public: false,
        handler: |route| route.to(pages::drain::undo_create),
    },
    Route {
        method: "GET",
        path: "/tenants/{tenant}/isolation/new",
        public: false,
        handler: |route| route.to(pages::isolation::new),
    },
    Route {
        method: "POST",
        path: "/tenants/{tenant}/isolation",
        public: false,
        handler: |route| route.to(pages::isolation::create),
    },
    Route {
        method: "GET",
        path: "/activity/{group}/{pid}/cancellation/new",
        public: false,
        handler: |route| route.to(pages::termination::cancellation_new),
    },
    Route {
        method: "POST",
        path: "/activity/{group}/{pid}/cancellation",
        public: false,
        handler: |route| route.to(pages::termination::cancellation),
    },
    Route {
        method: "GET",
        path: "/activity/{group}/{pid}/termination/new",
        public: false,
        handler: |route| route.to(pages::termination::termination_new),
    },
    Route {
        method: "POST",
        path: "/activity/{group}/{pid}/termination",
        public: false,
        handler: |route| route.to(pages::termination::termination),
    },
    Route { method: "GET", path: "/livez", public: true, handler: |route| route.to(health::live) },
    Route { method: "GET", path: "/static/{file}", public: true, handler: |route| route.to(assets::show) },
];

/// Registers all of it.
pub fn register(config: &mut web::ServiceConfig) {
    for page in PAGES {
        for ending in ["", ".json", ".txt"] {
            routes::register_read(config, &format!("{}{ending}", page.path), page.handler);
        }
    }
    routes::register(config, ROUTES);
}
