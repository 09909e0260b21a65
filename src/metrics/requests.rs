//! A latency histogram for each route, method and status. The labels are path patterns of the route maps, so
//! their number is bounded whatever paths clients request; every unknown path is counted as "other".

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{Histogram, histogram, with_local_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::names::REQUESTS;

/// Upper bounds in seconds. Reads take one or two milliseconds and a password hash a quarter of a second;
/// people do not wait for longer than five seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Statuses with a label of their own; the others are counted by class.
const STATUSES: [(u16, &str); 30] = [
    (200, "200"),
    (201, "201"),
    (204, "204"),
    (206, "206"),
    (301, "301"),
    (302, "302"),
    (303, "303"),
    (304, "304"),
    (308, "308"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (411, "411"),
    (412, "412"),
    (413, "413"),
    (415, "415"),
    (421, "421"),
    (422, "422"),
    (429, "429"),
    (499, "499"),
    (500, "500"),
    (503, "503"),
    (504, "504"),
    (299, "2xx"),
    (399, "3xx"),
    (599, "5xx"),
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OTHER: &str = "other";

/// The histograms of one route.
pub(super) struct RouteHistograms {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// By status. Made at the first request, so that later requests need no lookup in the recorder.
    histograms: [OnceLock<Histogram>; STATUSES.len()],
}

impl RouteHistograms {
    fn new(method: &'static str, path: &'static str) -> Self {
        Self { method, path, histograms: [const { OnceLock::new() }; STATUSES.len()] }
    }
}

/// The histograms of all routes and their recorder.
pub(super) struct RequestHistograms {
    recorder: PrometheusRecorder,
    routes: Vec<RouteHistograms>,
    by_path: HashMap<&'static str, Vec<usize>>,
}

impl RequestHistograms {
    /// For routes that are given as method and path pattern.
    pub(super) fn new(routes: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let mut routes: Vec<RouteHistograms> =
            routes.into_iter().map(|(method, path)| RouteHistograms::new(method, path)).collect();
        let mut by_path: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (index, route) in routes.iter().enumerate() {
            by_path.entry(route.path).or_default().push(index);
        }
        routes.push(RouteHistograms::new(OTHER, OTHER));
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(REQUESTS.to_owned()), &BUCKETS);
        let recorder = builder.expect("there are buckets").build_recorder();
        super::names::describe_requests(&recorder);
        Self { recorder, routes, by_path }
    }

    /// All routes; the last is "other".
    pub(super) fn routes(&self) -> &[RouteHistograms] {
        &self.routes
    }

    /// Renders the histograms as text and runs their upkeep.
    pub(super) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    /// Counts a request and gives the index of its route.
    pub(super) fn record(
        &self,
        path: Option<&'static str>,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) -> usize {
        let index = self.route_of(path, method);
        let route = &self.routes[index];
        let status = index_of(status);
        if route.method == method.as_str() {
            route.histograms[status]
                .get_or_init(|| self.histogram(route.path, route.method, status))
                .record(took);
        } else {
            // HEAD, a method that the path does not take, or an unknown path.
            let method = METHODS.iter().find(|known| **known == method.as_str()).copied().unwrap_or(OTHER);
            self.histogram(path.unwrap_or(OTHER), method, status).record(took);
        }
        index
    }

    /// The pattern that a path matches, the one with the fewest parameters.
    pub(super) fn pattern_of(&self, path: &str) -> Option<&'static str> {
        let matching = self.by_path.keys().copied().filter(|pattern| matches(pattern, path));
        matching.min_by_key(|pattern| pattern.matches('{').count())
    }

    fn route_of(&self, path: Option<&'static str>, method: &Method) -> usize {
        let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
        let of_path = path.and_then(|path| self.by_path.get(path)).map(Vec::as_slice).unwrap_or_default();
        let found = of_path.iter().copied().find(|index| self.routes[*index].method == method);
        found.unwrap_or(self.routes.len() - 1)
    }

    fn histogram(&self, path: &'static str, method: &'static str, status: usize) -> Histogram {
        let status = STATUSES[status].1;
        with_local_recorder(
            &self.recorder,
            || histogram!(REQUESTS, "route" => path, "method" => method, "status" => status),
        )
    }
}

fn index_of(status: StatusCode) -> usize {
    let status = status.as_u16();
    let class = match status {
        ..300 => 299,
        300..400 => 399,
        400..500 => 400,
        _ => 599,
    };
    let position = |status| STATUSES.iter().position(|(known, _)| *known == status);
    position(status).or_else(|| position(class)).unwrap_or_default()
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || part.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> RequestHistograms {
        RequestHistograms::new([
            ("GET", "/notes"),
            ("POST", "/notes"),
            ("GET", "/notes/{id}"),
            ("GET", "/notes/new"),
        ])
    }

    #[test]
    fn a_request_is_counted_under_its_pattern_and_never_under_its_path() {
        let requests = requests();
        let record = |path, method: Method, status: u16, millis| {
            let status = StatusCode::from_u16(status).expect("a status");
            requests.record(path, &method, status, Duration::from_millis(millis))
        };
        assert_eq!(record(Some("/notes/{id}"), Method::GET, 200, 3), 2);
        assert_eq!(record(Some("/notes"), Method::POST, 303, 20), 1);
        assert_eq!(record(Some("/notes"), Method::HEAD, 200, 1), 0);
        assert_eq!(record(Some("/notes"), Method::PUT, 405, 1), 4);
        assert_eq!(record(None, Method::from_bytes(b"BREW").expect("a method"), 404, 1), 4);
        assert_eq!(record(Some("/notes"), Method::GET, 418, 1), 0);
        let text = requests.handle().render();
        for line in [
            "_bucket{route=\"/notes/{id}\",method=\"GET\",status=\"200\",le=\"0.002\"} 0",
            "_bucket{route=\"/notes/{id}\",method=\"GET\",status=\"200\",le=\"0.004\"} 1",
            "_bucket{route=\"/notes/{id}\",method=\"GET\",status=\"200\",le=\"+Inf\"} 1",
            "_count{route=\"/notes\",method=\"POST\",status=\"303\"} 1",
            "_count{route=\"/notes\",method=\"HEAD\",status=\"200\"} 1",
            "_count{route=\"/notes\",method=\"PUT\",status=\"405\"} 1",
            "_count{route=\"other\",method=\"other\",status=\"404\"} 1",
            "_count{route=\"/notes\",method=\"GET\",status=\"400\"} 1",
        ] {
            assert!(text.contains(&format!("{REQUESTS}{line}\n")), "{line} in\n{text}");
        }
        assert!(text.contains(&format!("# TYPE {REQUESTS} histogram")));
    }

    #[test]
    fn the_pattern_of_a_lost_request_is_found_by_its_path() {
        let requests = requests();
        for (path, pattern) in [
            ("/notes", Some("/notes")),
            ("/notes/7", Some("/notes/{id}")),
            ("/notes/new", Some("/notes/new")),
            ("/notes/", None),
            ("/notes/7/8", None),
            ("/", None),
        ] {
            assert_eq!(requests.pattern_of(path), pattern, "{path}");
        }
    }

    #[test]
    fn buckets_ascend() {
        assert!(BUCKETS.is_sorted_by(|one, next| one < next));
    }
}
