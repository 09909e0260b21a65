//! The paths that a file names, and the file that defines what a path ends in.

use std::collections::{BTreeMap, BTreeSet};

use super::circles::Graph;
use super::source::{Source, is_word};

/// What one `use` brings in: a name and the path below `crate` that it stands for.
struct Import {
    alias: String,
    path: Vec<String>,
    reexport: bool,
}

/// All paths below `crate` that a file names, in `use` lines and elsewhere, without the `crate`.
pub fn named_in(source: &Source) -> Vec<Vec<String>> {
    let mut named = Vec::new();
    for start in ["crate", "super", "self"] {
        for position in path_starts(&source.code, start) {
            let paths = tree(&source.code, &mut { position }, &[]).into_iter();
            named.extend(paths.filter_map(|(path, _)| below_crate(&source.module, &path)));
        }
    }
    named.retain(|path| !path.is_empty());
    named
}

/// Where a path begins with this word: not behind `::` nor a macro's `$crate`.
fn path_starts<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    words(code, word).filter(move |position| {
        let before = code[..*position].trim_end();
        let continues = ["::", "(in", "$"].iter().any(|end| before.ends_with(end));
        !continues && code[position + word.len()..].starts_with("::")
    })
}

/// Where this word stands alone.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(position, _)| position).filter(move |position| {
        let before = code[..*position].bytes().last();
        let after = code.as_bytes().get(position + word.len()).copied();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Reads a path with its groups (`a::{b, c::D as E}`): each path in it with the name that it goes by.
fn tree(code: &str, position: &mut usize, prefix: &[String]) -> Vec<(Vec<String>, String)> {
    skip_space(code, position);
    if code[*position..].starts_with('{') {
        return group(code, position, prefix);
    }
    let Some(segment) = word_at(code, position) else {
        *position += usize::from(code[*position..].starts_with('*'));
        return vec![(prefix.to_vec(), "*".to_owned())];
    };
    let mut path = prefix.to_vec();
    if segment != "self" || path.is_empty() {
        path.push(segment);
    }
    let ahead = &mut { *position };
    skip_space(code, ahead);
    if code[*ahead..].starts_with("::") {
        *position = *ahead + 2;
        return tree(code, position, &path);
    }
    let mut alias = path.last().cloned().unwrap_or_default();
    if word_at(code, ahead).as_deref() == Some("as") {
        skip_space(code, ahead);
        alias = word_at(code, ahead).unwrap_or(alias);
        *position = *ahead;
    }
    vec![(path, alias)]
}

fn group(code: &str, position: &mut usize, prefix: &[String]) -> Vec<(Vec<String>, String)> {
    let mut paths = Vec::new();
    *position += 1;
    loop {
        skip_space(code, position);
        match code.as_bytes().get(*position) {
            Some(b'}') => {
                *position += 1;
                return paths;
            }
            Some(b',') => *position += 1,
            Some(_) => {
                let start = *position;
                paths.extend(tree(code, position, prefix));
                assert!(*position > start, "cannot read the group {:?}", &code[start..].lines().next());
            }
            None => return paths,
        }
    }
}

fn skip_space(code: &str, position: &mut usize) {
    *position += code[*position..].len() - code[*position..].trim_start().len();
}

fn word_at(code: &str, position: &mut usize) -> Option<String> {
    let length = code.as_bytes()[*position..].iter().take_while(|byte| is_word(**byte)).count();
    let word = &code[*position..*position + length];
    *position += length;
    (length > 0).then(|| word.to_owned())
}

/// A path without its `crate`, `self` and `super`s; none for one that begins with a name.
fn below_crate(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let supers = segments.iter().take_while(|segment| *segment == "super").count();
    let (base, rest) = match segments.first()?.as_str() {
        "crate" => (&module[..0], &segments[1..]),
        "self" => (module, &segments[1..]),
        "super" => (&module[..module.len().checked_sub(supers)?], &segments[supers..]),
        _ => return None,
    };
    Some([base, rest].concat())
}

/// Knows all modules and what each of them imports, and so finds where a name is defined.
pub struct Resolver<'a> {
    sources: &'a [&'a Source],
    modules: BTreeMap<&'a [String], usize>,
    imports: Vec<Vec<Import>>,
}

impl<'a> Resolver<'a> {
    pub fn new(sources: &'a [&'a Source]) -> Self {
        let modules: BTreeMap<_, _> =
            sources.iter().enumerate().map(|(index, source)| (source.module.as_slice(), index)).collect();
        let imports = sources.iter().map(|source| imports_of(source, &modules)).collect();
        Self { sources, modules, imports }
    }

    /// Which file uses which, and the names by which it does. What a mod.rs hands on (`pub use`) is no use of
    /// its own: the file that asks for the name uses the file that defines it.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (index, source) in self.sources.iter().enumerate() {
            let arrows = graph.entry(source.path.clone()).or_default();
            for path in self.used_by(index) {
                if let Some((target, name)) = self.definition(&path, 0).filter(|(target, _)| *target != index)
                {
                    arrows.entry(self.sources[target].path.clone()).or_default().insert(name);
                }
            }
        }
        graph
    }

    fn used_by(&self, index: usize) -> BTreeSet<Vec<String>> {
        let source = &self.sources[index];
        let mut used = BTreeSet::new();
        let mut handed_on = BTreeSet::new();
        for import in &self.imports[index] {
            let segments = &import.path;
            if import.reexport && source.is_mod_rs() {
                handed_on.insert(segments.clone());
            } else {
                used.insert(segments.clone());
            }
            if self.modules.contains_key(segments.as_slice()) {
                used.extend(below_alias(&source.code, &import.alias, segments));
            }
        }
        used.extend(named_in(source));
        for (module, _) in self.modules.iter().filter(|(module, _)| is_child(module, &source.module)) {
            used.extend(below_alias(&source.code, &module[module.len() - 1], module));
        }
        &used - &handed_on
    }

    /// The file and the name of the item that a path leads to; none for a folder as a whole and for what is
    /// not ours.
    fn definition(&self, path: &[String], depth: usize) -> Option<(usize, String)> {
        let known = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let index = self.modules[&path[..known]];
        let Some(name) = path.get(known) else {
            return (!self.sources[index].is_mod_rs()).then(|| (index, path[known - 1].clone()));
        };
        let import = self.imports[index].iter().find(|import| import.alias == *name);
        match import.filter(|_| depth < 8) {
            Some(import) => {
                let rest = [import.path.as_slice(), &path[known + 1..]].concat();
                self.definition(&rest, depth + 1)
            }
            None => Some((index, name.clone())),
        }
    }
}

fn is_child(module: &[String], parent: &[String]) -> bool {
    module.len() == parent.len() + 1 && module.starts_with(parent)
}

fn imports_of(source: &Source, modules: &BTreeMap<&[String], usize>) -> Vec<Import> {
    let mut imports = Vec::new();
    for position in words(&source.code, "use") {
        let line = source.code[..position].rsplit('\n').next().unwrap_or_default();
        let reexport = line.trim_start().starts_with("pub");
        for (mut segments, alias) in tree(&source.code, &mut { position + "use".len() }, &[]) {
            let child = [source.module.as_slice(), &segments[..segments.len().min(1)]].concat();
            if modules.contains_key(child.as_slice()) && !source.module.is_empty() {
                segments.insert(0, "self".to_owned());
            }
            let path = below_crate(&source.module, &segments);
            imports.extend(path.map(|path| Import { alias, path, reexport }));
        }
    }
    imports
}

/// The paths that begin with a module's name in this file, as `notes::index` after `use super::notes`.
fn below_alias(code: &str, alias: &str, module: &[String]) -> Vec<Vec<String>> {
    let names = path_starts(code, alias).filter_map(|position| {
        let name = word_at(code, &mut { position + alias.len() + "::".len() })?;
        Some([module, &[name]].concat())
    });
    names.collect()
}
