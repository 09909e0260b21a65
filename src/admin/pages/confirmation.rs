//! The page that asks for confirmation before an action.

use actix_web::HttpResponse;
use askama::Template;

use crate::admin::Failure;
use crate::admin::frame::ConsoleFrame;
use crate::cluster::MovePlan;
use crate::monitor::{Table, bytes};

/// What the action would do, and its button.
#[derive(Template, Default)]
#[template(path = "admin/confirmation.html")]
pub(super) struct Confirmation {
    pub frame: ConsoleFrame,
    pub title: String,
    pub lines: Vec<String>,
    /// The path that the form is sent to.
    pub action: String,
    /// Hidden fields of the form.
    pub hidden: Vec<(&'static str, String)>,
    /// The label of the button; `None` when there is nothing to do.
    pub button: Option<&'static str>,
    /// Whether work or data may be lost.
    pub danger: bool,
    /// The page that "Back" leads to.
    pub back: &'static str,
    /// Bytes of each node before and after.
    pub bars: Vec<NodeBar>,
    pub tables: Vec<Table>,
}

/// A node's bytes before and after, in a picture that is 1000 wide.
pub(super) struct NodeBar {
    pub address: String,
    pub before: (f64, String),
    pub after: (f64, String),
    pub y: usize,
}

impl Confirmation {
    pub(super) fn show(self) -> Result<HttpResponse, Failure> {
        Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(self.render()?))
    }

    /// The height of the picture.
    fn height(&self) -> usize {
        self.bars.len() * BAR
    }

    /// Adds the plan of moves.
    pub(super) fn with_moves(mut self, moves: &MovePlan) -> Self {
        self.lines = match moves.count() {
            0 => vec!["No shard has to move.".to_owned()],
            count => vec![format!(
                "{count} moves, {} to copy. A tenant's writes wait for a moment, 0.1 to 1.2 s, when its \
                 shard arrives; reads do not.",
                bytes(moves.total())
            )],
        };
        self.lines.extend(moves.remarks.iter().cloned());
        self.bars = bars(
            &moves
                .bytes
                .iter()
                .map(|(node, before, after)| (node.to_string(), *before, *after))
                .collect::<Vec<_>>(),
        );
        let mut nodes = Table::new("Bytes on each node", &["node", "#before", "#after"]);
        for (node, before, after) in &moves.bytes {
            nodes.row([node.to_string(), bytes(*before), bytes(*after)]);
        }
        let mut between = Table::new("Moves", &["from", "to", "#moves", "#bytes"]);
        for ((from, to), (count, size)) in &moves.between {
            between.row([from.to_string(), to.to_string(), count.to_string(), bytes(*size)]);
        }
        self.tables = vec![nodes, between];
        self
    }
}

/// The height of a node's bars in the picture.
const BAR: usize = 66;

#[allow(clippy::cast_precision_loss, reason = "bytes in a picture, roughly")]
fn bars(nodes: &[(String, i64, i64)]) -> Vec<NodeBar> {
    let most =
        nodes.iter().map(|(_, before, after)| *before.max(after)).max().unwrap_or_default().max(1) as f64;
    let bar = |count: i64| (count as f64 / most * 780.0, bytes(count));
    let one = |(index, (address, before, after)): (usize, &(String, i64, i64))| NodeBar {
        address: address.clone(),
        before: bar(*before),
        after: bar(*after),
        y: index * BAR,
    };
    nodes.iter().enumerate().map(one).collect()
}
