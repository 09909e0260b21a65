//! The keys by which an index finds the notes that may match: for each part of a word one number, made from
//! the part, whether it is in the title, and the author. Keys of two authors differ, so the index reads only
//! what one person wrote. Different parts may have the same key by chance, so a key only narrows the search,
//! and the text is compared behind it.

use super::words::is_unspaced;

/// The characters of a run of letters that one key stands for.
const PART: usize = 3;

/// Where a part stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Anywhere in the note.
    Note = 0,
    Title = 1,
}

/// What the keys of an author are combined with by XOR: a step of the generator of Park and Miller ("minimal
/// standard"), which `requests.find_notes` computes as well.
pub(super) fn scope_of(author: i64) -> i32 {
    let scope = (author % i64::from(i32::MAX)) * 48_271 % i64::from(i32::MAX);
    i32::try_from(scope).unwrap_or_default()
}

/// The keys of a run of words, without the author, in no order and some of them twice. The run is that of a
/// note, or a part of one that is searched for: its first word may then begin within a word of the note.
pub(super) fn keys_of(run: &str, zone: Zone) -> Vec<i32> {
    let mut keys = Vec::new();
    let mut characters = Vec::new();
    for (index, word) in run.split([' ', '\n']).enumerate() {
        characters.clear();
        characters.extend(word.chars());
        // Behind a blank, words begin.
        let mut is_start = index > 0;
        for segment in characters.chunk_by(|left, right| is_unspaced(*left) == is_unspaced(*right)) {
            add(segment, zone, is_start, &mut keys);
            is_start = true;
        }
    }
    keys
}

fn add(segment: &[char], zone: Zone, is_start: bool, keys: &mut Vec<i32>) {
    if is_unspaced(segment[0]) {
        keys.extend(segment.iter().map(|character| key(zone, false, &[*character])));
        keys.extend(segment.windows(2).map(|pair| key(zone, false, pair)));
        return;
    }
    keys.extend(segment.windows(PART).map(|part| key(zone, false, part)));
    if is_start {
        keys.extend((1..PART.min(segment.len() + 1)).map(|length| key(zone, true, &segment[..length])));
    }
}

/// FNV-1a of 64 bits (draft-eastlake-fnv), folded to 32.
fn key(zone: Zone, is_start: bool, part: &[char]) -> i32 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let bytes = part.iter().flat_map(|character| u32::from(*character).to_le_bytes());
    let hash = [zone as u8, u8::from(is_start)].into_iter().chain(bytes).fold(0xcbf2_9ce4_8422_2325, step);
    let [a, b, c, d, ..] = (hash ^ (hash >> 32)).to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::super::words::words_of;
    use super::*;

    #[test]
    fn the_keys_of_a_part_are_among_those_of_the_note() {
        let keys = |run: &str| keys_of(run, Zone::Note);
        let mut note = keys(&words_of("The printer 使用手机iphone 第3章 is at 10.0.0.17 🎉 Zürich c++"));
        note.sort_unstable();
        for part in [
            "rinter",
            "print",
            " pr",
            " p",
            "手机",
            "机",
            "用手",
            "iphone",
            "第3章",
            " 10 0 0 17",
            "🎉",
            " the printer ",
            "c++",
            " is at ",
            "inter 使用",
        ] {
            let wanted = keys(part);
            assert!(!wanted.is_empty(), "{part}");
            assert!(wanted.iter().all(|key| note.binary_search(key).is_ok()), "{part}");
        }
        for part in ["机手", "prinz", " rin"] {
            assert!(!keys(part).iter().all(|key| note.binary_search(key).is_ok()), "{part}");
        }
    }
}
