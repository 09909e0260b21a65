//! What a route map is made of.

use actix_web::http::{Method, header};
use actix_web::{HttpResponse, guard, web};

/// One row of a route map.
pub struct Route {
    /// GET (which answers HEAD too), POST, PUT or DELETE.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Whether it is answered without a login. The few that are stand in the map where everybody sees them.
    pub public: bool,
    /// The handler.
    pub handler: fn() -> actix_web::Route,
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
        let mut resource = web::resource(route.path).app_data(Pattern(route.path));
        let mut allowed = Vec::new();
        for row in routes.iter().filter(|row| row.path == route.path) {
            allowed.push(row.method);
            resource = if row.method == "GET" {
                allowed.push("HEAD");
                resource.route((row.handler)().guard(guard::Any(guard::Get()).or(guard::Head())))
            } else {
                let method = Method::from_bytes(row.method.as_bytes()).unwrap_or(Method::POST);
                resource.route((row.handler)().method(method))
            };
        }
        let allow = allowed.join(", ");
        let refuse = move || {
            let allow = allow.clone();
            async move { HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allow)).finish() }
        };
        config.service(resource.default_service(web::route().to(refuse)));
    }
}
