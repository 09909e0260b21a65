//! Idle connections, kept alive after an answer: what each takes of memory, and what the others notice.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::bench::{Bench, host_of};
use crate::machine::{process_size, raise_file_limit};
use crate::outcome::Outcome;
use crate::scraped::Scraped;
use crate::wire;

use super::{Point, print_growth, print_head, print_point};

/// Clients at each address.
const PER_ADDRESS: usize = 100;
/// Opened at a time.
const AT_ONCE: usize = 64;
/// Files of this program beside the connections.
const OTHER_FILES: usize = 200;

/// Measures the list with 0, 1,000 and up to the given number of idle connections beside it.
pub async fn measure(bench: &mut Bench) -> Outcome<()> {
    let limit = usize::try_from(raise_file_limit()).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES);
    let most = bench.options.sizes.idle.min(limit);
    let cookies: Vec<String> = bench.cookies().into_iter().map(|(_, cookie)| cookie).collect();
    let (mut first, mut last) = (None, Point::default());
    print_head("idle connections beside the load", " still open | memory, MB | KiB each |");
    let mut points = vec![0, 1000.min(most), most];
    points.dedup();
    for idle in points {
        let before = memory(bench);
        let held = open(bench, idle).await?;
        let taken = memory(bench).saturating_sub(before);
        let point = bench.pages("/notes", &cookies, bench.options.connections).await?;
        let open = connections(bench).await?;
        let more = format!(
            " {open:.0} | {:.1} | {:.1} |",
            memory(bench) as f64 / 1024.0 / 1024.0,
            taken as f64 / 1024.0 / (idle.max(1) as f64)
        );
        print_point(&idle.to_string(), point, &more);
        drop(held);
        first.get_or_insert(point);
        last = point;
    }
    print_growth("idle connections", first.unwrap_or_default(), last);
    Ok(())
}

fn memory(bench: &Bench) -> u64 {
    process_size(bench.on.pid(), "VmRSS:").unwrap_or(0)
}

/// The connections that the server has open.
async fn connections(bench: &Bench) -> Outcome<f64> {
    let console = bench.on.console.as_deref().ok_or("no console")?;
    Ok(Scraped::read(console).await?.sum("pigeonhole_connections", &[]).unwrap_or(0.0))
}

/// Opens connections from as many addresses as needed, each of which has got an answer.
async fn open(bench: &Bench, count: usize) -> Outcome<Vec<TcpStream>> {
    let host = host_of(&bench.on.base);
    let to: SocketAddr = host.parse()?;
    let request = wire::request(host, "GET", "/livez", &[], b"");
    let connect = |index: usize| {
        let address = index / PER_ADDRESS;
        let from = Ipv4Addr::new(127, 9, 1 + (address / 200) as u8, 1 + (address % 200) as u8);
        let request = &request;
        async move {
            let mut stream = wire::connect(from, to, false).await?;
            stream.write_all(request).await?;
            wire::read_answer(&mut stream).await?;
            std::io::Result::Ok(stream)
        }
    };
    let opened: Vec<std::io::Result<TcpStream>> =
        futures_util::stream::iter(0..count).map(connect).buffer_unordered(AT_ONCE).collect().await;
    Ok(opened.into_iter().collect::<Result<_, _>>()?)
}
