//! Circles in a graph: its strongly connected components of more than one node.

use std::collections::{BTreeMap, BTreeSet};

/// Each node with the nodes that it has arrows to, and the names that make up each arrow.
pub type Graph = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Each circle as a text of all arrows inside it.
pub fn circles_of(graph: &Graph) -> Vec<String> {
    let reachable: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|node| (node.as_str(), reachable_from(graph, node))).collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (node, targets) in &reachable {
        let in_circle = targets.iter().filter(|target| reachable[**target].contains(node));
        let members: BTreeSet<&str> = in_circle.copied().collect();
        if members.len() > 1 && seen.insert(members.clone()) {
            circles.push(describe(graph, &members));
        }
    }
    circles
}

fn reachable_from<'a>(graph: &'a Graph, start: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next = vec![start];
    while let Some(node) = next.pop() {
        for target in graph.get(node).into_iter().flat_map(BTreeMap::keys) {
            if graph.contains_key(target) && found.insert(target.as_str()) {
                next.push(target);
            }
        }
    }
    found
}

fn describe(graph: &Graph, members: &BTreeSet<&str>) -> String {
    let mut lines = vec![format!("a circle of {}:", members.len())];
    for from in members {
        for (to, names) in graph[*from].iter().filter(|(to, _)| members.contains(to.as_str())) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push(format!("  {from} -> {to} ({})", names.join(", ")));
        }
    }
    lines.join("\n")
}
