//! The shard map: a row for each node and a block for each shard, and the same numbers as a table.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::admin::console::Console;
use crate::admin::frame::ConsoleFrame;
use crate::admin::{Failure, Format, View};
use crate::monitor::{self, ShardBundle, ShardMap, ShardNode, Table, bytes};

/// Units of the picture, which the browser scales to the page.
const WIDTH: f64 = 1000.0;
const ROW: f64 = 64.0;
const TOP: f64 = 22.0;
/// The narrowest block that a pointer can hit.
const LEAST: f64 = 5.0;

#[derive(Template)]
#[template(path = "admin/shards.html")]
struct ShardsPage<'a> {
    frame: ConsoleFrame,
    map: &'a ShardMap,
    picture: Picture<'a>,
    tables: Vec<Table>,
}

struct Picture<'a> {
    rows: Vec<PictureRow<'a>>,
    height: f64,
    /// The x of the mean, its label, and the label's text-anchor.
    mean: Option<(f64, String, &'static str)>,
}

struct PictureRow<'a> {
    y: f64,
    bar_y: f64,
    label: String,
    silent: bool,
    blocks: Vec<Block<'a>>,
}

struct Block<'a> {
    x: f64,
    width: f64,
    /// 0 to 5: its load relative to the busiest shard.
    heat: usize,
    bundle: &'a ShardBundle,
    label: String,
}

/// GET /shards
pub async fn show(
    console: web::Data<Console>,
    frame: ConsoleFrame,
    format: Format,
) -> Result<HttpResponse, Failure> {
    let map =
        monitor::shards(&console.nodes, &console.application.services.database.loads().recent()).await?;
    Ok(format.show(&map, |tables| ShardsPage { frame, map: &map, picture: draw(&map), tables })?)
}

impl View for ShardMap {
    fn tables(&self) -> Vec<Table> {
        Self::tables(self)
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes in a picture, roughly")]
fn draw(map: &ShardMap) -> Picture<'_> {
    let widest =
        map.nodes.iter().map(|node| node.bytes).max().unwrap_or_default().max(map.mean_bytes).max(1) as f64;
    let most_blocks = map.nodes.iter().map(|node| node.shards.len()).max().unwrap_or_default() as f64;
    // Every block has the least width; the rest is divided by bytes.
    let free = (WIDTH - most_blocks * LEAST).max(0.0);
    let hottest =
        map.nodes.iter().flat_map(|node| &node.shards).map(|bundle| bundle.seconds).fold(0.0, f64::max);
    let width = |bundle: &ShardBundle| LEAST + bundle.bytes.unwrap_or_default() as f64 / widest * free;
    let mut rows = Vec::new();
    for (index, node) in map.nodes.iter().enumerate() {
        let y = TOP + index as f64 * ROW;
        let blocks = blocks(node, width, hottest);
        let size = if node.answered { bytes(node.bytes) } else { "does not answer".to_owned() };
        let drained = if node.takes_shards { "" } else { ", takes no shards" };
        let label = format!("{}: {} shards, {size}{drained}", node.address, node.shards.len());
        rows.push(PictureRow { y: y + 14.0, bar_y: y + 22.0, label, silent: !node.answered, blocks });
    }
    let mean = (map.mean_bytes > 0).then(|| {
        let shards = map.nodes.iter().map(|node| node.shards.len()).sum::<usize>() as f64
            / map.nodes.len().max(1) as f64;
        (shards * LEAST + map.mean_bytes as f64 / widest * free, format!("mean {}", bytes(map.mean_bytes)))
    });
    Picture {
        height: TOP + rows.len() as f64 * ROW,
        rows,
        mean: mean.map(|(x, text)| (x.min(WIDTH), text, if x > WIDTH - 60.0 { "end" } else { "middle" })),
    }
}

fn blocks<'a>(node: &'a ShardNode, width: impl Fn(&ShardBundle) -> f64, hottest: f64) -> Vec<Block<'a>> {
    let mut x = 0.0;
    let block = |bundle: &'a ShardBundle| {
        let width = width(bundle);
        let block = Block {
            x,
            width: (width - 1.0).max(1.0),
            heat: heat(bundle.seconds, hottest),
            bundle,
            label: label(bundle, &node.address),
        };
        x += width;
        block
    };
    node.shards.iter().map(block).collect()
}

fn heat(load: f64, hottest: f64) -> usize {
    if hottest <= 0.0 || load <= 0.0 {
        return 0;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share between 0 and 1")]
    let step = (load / hottest * 5.0).ceil() as usize;
    step.clamp(1, 5)
}

fn label(bundle: &ShardBundle, node: &str) -> String {
    let size = bundle.size();
    let tenants = bundle.tenant_names();
    let tenants =
        if tenants.is_empty() { "no tenant counted lately".to_owned() } else { format!("tenants {tenants}") };
    let load = format!("{:.2} s and {} statements in the last minutes", bundle.seconds, bundle.statements);
    let costliest = bundle.costly.first().map_or_else(String::new, |costly| {
        format!("; costliest: {}", costly.text.chars().take(120).collect::<String>())
    });
    format!(
        "Shard {} on {node}: {size}; {load}; {tenants}; tables {}{costliest}",
        bundle.shard,
        bundle.table_names()
    )
}

#[cfg(test)]
mod tests {
    use super::heat;

    #[test]
    fn heat_has_five_steps_and_none_for_idle() {
        assert_eq!(
            [heat(0.0, 0.0), heat(0.0, 9.0), heat(0.1, 9.0), heat(4.5, 9.0), heat(9.0, 9.0)],
            [0, 0, 1, 3, 5]
        );
    }
}
