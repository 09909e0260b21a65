//! A Rust file as text, with what is no code taken out.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

pub struct Source {
    /// From the repository's folder, as `src/web/body.rs`.
    pub path: String,
    /// The path of its module below `crate`: none for lib.rs, `["web"]` for web/mod.rs, `["web", "body"]`.
    pub module: Vec<String>,
    pub text: String,
    /// The text with comments, literals and test modules blanked: the same bytes a line.
    pub code: String,
    test_lines: usize,
    line_starts: Vec<usize>,
}

/// All Rust files of src, read once.
pub fn of_src() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let files = files_in("src", "rs").into_iter();
        files.map(|(path, text)| Source::new(&path, text)).collect()
    })
}

/// The path and the text of each file with this extension below a folder, in the order of their paths.
pub fn files_in(folder: &str, extension: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    read_folder(root, &root.join(folder), extension, &mut files);
    files.sort();
    files
}

fn read_folder(root: &Path, folder: &Path, extension: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        if path.is_dir() {
            // Build products, and folders such as .git.
            if name != "target" && !name.starts_with('.') {
                read_folder(root, &path, extension, files);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).expect("a text");
            let path = path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8");
            files.push((path.to_owned(), text));
        }
    }
}

impl Source {
    pub fn new(path: &str, text: String) -> Self {
        let mut code = without_comments_and_literals(&text);
        let test_lines = blank_tests(&mut code);
        let mut module: Vec<String> =
            path.trim_end_matches(".rs").split('/').skip(1).map(Into::into).collect();
        module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
        let ends = code.match_indices('\n').map(|(end, _)| end + 1);
        let line_starts = [0].into_iter().chain(ends).collect();
        Self { path: path.to_owned(), module, text, code, test_lines, line_starts }
    }

    /// The top-level folder of src, or the top-level file without its extension.
    pub fn folder(&self) -> &str {
        &self.module[0]
    }

    pub fn is_mod_rs(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }

    pub fn lines_without_tests(&self) -> usize {
        self.text.lines().count() - self.test_lines
    }

    /// The number of the line that a byte of `code` is in, from 1.
    pub fn line_of(&self, position: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= position)
    }
}

/// Where the brace that opens at `open` is closed, or the last byte.
pub fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (offset, brace) in code[open..].match_indices(['{', '}']) {
        depth += if brace == "{" { 1 } else { -1 };
        if depth == 0 {
            return open + offset;
        }
    }
    code.len() - 1
}

/// As many spaces as the text has bytes, in as many lines.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

pub fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut position = 0;
    while let Some(offset) = text[position..].find(['/', '"', '\'', 'r']) {
        let start = position + offset;
        let end = literal_end(text, start);
        code.push_str(&text[position..start]);
        code.push_str(&blank(&text[start..end]));
        position = end.max(start + 1);
        code.push_str(&text[end..position]);
    }
    code + &text[position..]
}

/// The end of the comment or literal that begins at this byte; the byte itself where none does.
fn literal_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let find = |from: usize, what: &str| {
        text.get(from..).and_then(|rest| rest.find(what)).map_or(bytes.len(), |offset| from + offset)
    };
    let rest = &bytes[start..];
    // `br"…"` and `cr"…"` are raw strings too.
    let before = &bytes[..start];
    let before = before.strip_suffix(b"b").or(before.strip_suffix(b"c")).unwrap_or(before);
    let within_word = before.last().copied().is_some_and(is_word);
    if rest.starts_with(b"//") {
        find(start, "\n")
    } else if rest.starts_with(b"/*") {
        (find(start, "*/") + 2).min(bytes.len())
    } else if rest.starts_with(b"\"") {
        quoted_end(bytes, start, b'"')
    } else if rest.starts_with(b"r") && !within_word && raw_hashes(&rest[1..]).is_some() {
        let hashes = raw_hashes(&rest[1..]).unwrap_or_default();
        let closing = format!("\"{}", "#".repeat(hashes));
        (find(start + hashes + 2, &closing) + closing.len()).min(bytes.len())
    } else if rest.starts_with(b"'") && is_character(text, start) {
        quoted_end(bytes, start, b'\'')
    } else {
        start
    }
}

/// How many `#` stand before the quote of a raw string, if one follows.
fn raw_hashes(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn quoted_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut position = start + 1;
    while position < bytes.len() && bytes[position] != quote {
        position += if bytes[position] == b'\\' { 2 } else { 1 };
    }
    (position + 1).min(bytes.len())
}

/// A lifetime has no second quote after its one letter.
fn is_character(text: &str, start: usize) -> bool {
    let mut rest = text[start + 1..].chars();
    match rest.next() {
        Some('\\') => true,
        Some(_) => rest.next() == Some('\''),
        None => false,
    }
}

/// Blanks the items under `#[cfg(test)]` and returns how many lines they have.
fn blank_tests(code: &mut String) -> usize {
    let mut lines = 0;
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = match code[start..].find(['{', ';']).map(|offset| start + offset) {
            Some(open) if code.as_bytes()[open] == b'{' => closing_brace(code, open),
            Some(semicolon) => semicolon,
            None => code.len() - 1,
        };
        let blanked = blank(&code[start..=end]);
        lines += blanked.lines().count();
        code.replace_range(start..=end, &blanked);
    }
    lines
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
