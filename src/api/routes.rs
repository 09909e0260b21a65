//! The API map: every call, in one place. What is public is marked; everything else asks for a bearer token.

use super::{
    acceptances, deliveries, inbox, invitations, login, me, members, notes, openapi, registration, shares,
    transfer,
};
use crate::web::Route;

/// All calls.
pub const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/api/register",
        public: true,
        handler: |route| route.to(registration::create),
    },
    Route { method: "POST", path: "/api/login", public: true, handler: |route| route.to(login::create) },
    Route { method: "POST", path: "/api/logout", public: false, handler: |route| route.to(login::destroy) },
    Route { method: "GET", path: "/api/me", public: false, handler: |route| route.to(me::show) },
    Route { method: "GET", path: "/api/notes", public: false, handler: |route| route.to(notes::index) },
    Route { method: "POST", path: "/api/notes", public: false, handler: |route| route.to(notes::create) },
    Route { method: "GET", path: "/api/notes/{id}", public: false, handler: |route| route.to(notes::show) },
    Route { method: "PUT", path: "/api/notes/{id}", public: false, handler: |route| route.to(notes::update) },
    Route {
        method: "DELETE",
        path: "/api/notes/{id}",
        public: false,
        handler: |route| route.to(notes::destroy),
    },
    Route { method: "GET", path: "/api/export", public: false, handler: |route| route.to(transfer::export) },
    Route { method: "POST", path: "/api/import", public: false, handler: |route| route.to(transfer::import) },
    Route {
        method: "GET",
        path: "/api/notes/{id}/shares",
        public: false,
        handler: |route| route.to(shares::index),
    },
    Route {
        method: "POST",
        path: "/api/notes/{id}/shares",
        public: false,
        handler: |route| route.to(shares::create),
    },
    Route {
        method: "DELETE",
        path: "/api/notes/{id}/shares/{user_id}",
        public: false,
        handler: |route| route.to(shares::destroy),
    },
    Route { method: "GET", path: "/api/inbox", public: false, handler: |route| route.to(inbox::index) },
    Route {
        method: "POST",
        path: "/api/inbox/reading",
        public: false,
        handler: |route| route.to(inbox::read),
    },
    Route {
        method: "GET",
        path: "/api/notes/{id}/deliveries",
        public: false,
        handler: |route| route.to(deliveries::deliveries),
    },
    Route { method: "GET", path: "/api/members", public: false, handler: |route| route.to(members::index) },
    Route {
        method: "PATCH",
        path: "/api/members/{id}",
        public: false,
        handler: |route| route.to(members::update),
    },
    Route {
        method: "DELETE",
        path: "/api/members/{id}",
        public: false,
        handler: |route| route.to(members::destroy),
    },
    Route {
        method: "GET",
        path: "/api/invitations",
        public: false,
        handler: |route| route.to(invitations::index),
    },
    Route {
        method: "POST",
        path: "/api/invitations",
        public: false,
        handler: |route| route.to(invitations::create),
    },
    Route {
        method: "DELETE",
        path: "/api/invitations/{id}",
        public: false,
        handler: |route| route.to(invitations::destroy),
    },
    Route {
        method: "POST",
        path: "/api/invitations/{token}/acceptances",
        public: false,
        handler: |route| route.to(acceptances::create),
    },
    Route {
        method: "GET",
        path: "/api/openapi.json",
        public: true,
        handler: |route| route.to(openapi::show),
    },
];
