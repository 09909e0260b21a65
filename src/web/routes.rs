//! What a route map is made of.

use actix_web::http::{Method, header};
use actix_web::{HttpResponse, guard, web};

/// Adds the handler to a route, whose method is set already.
pub type Handler = fn(actix_web::Route) -> actix_web::Route;

/// One row of a route map.
pub struct Route {
    /// GET (which answers HEAD too), POST, PUT or DELETE.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Whether it is answered without a login. The few that are stand in the map where everybody sees them.
    pub public: bool,
    /// The handler. It is given the route with the method of this row, so that no row can name a second one.
    pub handler: Handler,
}

/// The path of the row under which a request was found, for those who count requests.
#[derive(Clone, Copy)]
pub struct Pattern(pub &'static str);

/// Registers the rows; another method on a known path is 405 with the methods that it takes.
pub fn register(config: &mut web::ServiceConfig, routes: &'static [Route]) {
    let mut done: Vec<&str> = Vec::new();
    for route in routes {
        if done.contains(&route.path) {
            continue;
        }
        done.push(route.path);
        let rows = routes.iter().filter(|row| row.path == route.path).map(|row| (row.method, row.handler));
        config.service(resource(route.path, rows).app_data(Pattern(route.path)));
    }
}

/// Registers a path that is only read.
pub fn register_read(config: &mut web::ServiceConfig, path: &str, handler: Handler) {
    config.service(resource(path, [("GET", handler)].into_iter()));
}

fn resource(path: &str, rows: impl Iterator<Item = (&'static str, Handler)>) -> actix_web::Resource {
    let mut resource = web::resource(path);
    let mut allowed = Vec::new();
    for (method, handler) in rows {
        allowed.push(method);
        let route = if method == "GET" {
            allowed.push("HEAD");
            web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            web::route().method(Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST))
        };
        resource = resource.route(handler(route));
    }
    let allow = allowed.join(", ");
    let refuse = move || {
        let allow = allow.clone();
        async move { HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allow)).finish() }
    };
    resource.default_service(web::route().to(refuse))
}
