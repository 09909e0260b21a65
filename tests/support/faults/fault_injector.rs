//! Kills the processes under test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::stack::Stack;

/// Between a recovery and the next kill.
const PAUSE: Duration = Duration::from_secs(2);

/// Kills each process in turn until `stop` is set. Returns the running stack and the number of kills.
pub fn inject_faults(mut stack: Stack, stop: &AtomicBool) -> (Stack, BTreeMap<&'static str, usize>) {
    let mut kills = BTreeMap::new();
    let targets = stack.targets();
    for target in targets.iter().cycle() {
        std::thread::sleep(PAUSE);
        if stop.load(Ordering::Relaxed) {
            break;
        }
        stack.kill(target);
        *kills.entry(*target).or_default() += 1;
    }
    (stack, kills)
}
