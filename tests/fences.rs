//! The architecture, held: who may import whom, and where files, clocks, the
//! network, syncs and `unsafe` may occur. The rooms are those of `ARCHITECTURE.md`.
//!
//! The check reads tokens, not types: comments and literals are left out, `use`
//! trees are expanded, `super` is resolved. The tests below the check plant one
//! violation of each kind and see it reported.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// The rooms, and what each may import. Some do not exist yet.
const ROOMS: [(&str, &[&str]); 12] = [
    ("bin", &["tools"]),
    (
        "tools",
        &[
            "connect",
            "streams",
            "broker",
            "cluster",
            "coordinator",
            "client",
            "protocol",
            "log",
            "format",
            "host",
        ],
    ),
    ("connect", &["client", "format", "host"]),
    ("streams", &["client", "format", "host"]),
    (
        "broker",
        &[
            "cluster",
            "coordinator",
            "log",
            "protocol",
            "format",
            "host",
        ],
    ),
    ("cluster", &["log", "client", "protocol", "format", "host"]),
    ("coordinator", &["protocol", "format"]),
    ("client", &["protocol", "format", "host"]),
    ("protocol", &["format"]),
    ("log", &["format", "host"]),
    ("format", &[]),
    ("host", &[]),
];

/// What touches the machine, and the rooms that may. Tests inside a file may use
/// all of it, except that nobody else may be `unsafe`.
const GUARDED: [(&str, &[&str]); 19] = [
    ("std::fs", &["host"]),
    ("std::net", &["host", "broker", "client", "cluster"]),
    ("tokio", &["broker", "cluster", "tools"]),
    ("std::time::SystemTime", &["host"]),
    ("std::time::Instant", &["host"]),
    ("std::time::UNIX_EPOCH", &["host"]),
    ("std::os", &["host", "tools"]),
    ("std::env", &["host", "tools", "bin"]),
    ("std::process", &["host", "tools", "bin"]),
    ("std::io::stdin", &["tools", "bin"]),
    ("std::io::stdout", &["tools", "bin"]),
    ("std::io::stderr", &["tools", "bin"]),
    (
        "std::thread",
        &["host", "log", "tools", "broker", "cluster", "client"],
    ),
    ("libc", &["host"]),
    ("rustix", &["host"]),
    ("memmap2", &["host"]),
    ("inotify", &["host"]),
    ("tempfile", &[]),
    ("clap", &["tools"]),
];

/// Names of calls that make bytes durable; `Host::sync_all` and `File::sync` are
/// how the other rooms ask for it.
const SYNCS: [&str; 5] = [
    "sync_data",
    "fsync",
    "fdatasync",
    "syncfs",
    "sync_file_range",
];

/// The one file with `unsafe` code.
const UNSAFE_FILE: &str = "host/real.rs";

/// No file is longer.
const MOST_LINES: usize = 900;

#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "src/{}:{}: {}", self.file, self.line, self.what)
    }
}

#[test]
fn the_rooms_keep_to_themselves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    collect(&root, "", &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    let violations: Vec<String> = files
        .iter()
        .flat_map(|(file, text)| check(file, text))
        .map(|violation| violation.to_string())
        .collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// What is wrong with a file, named relative to `src`.
fn check(file: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |line, what| {
        violations.push(Violation {
            file: file.to_owned(),
            line,
            what,
        });
    };
    let lines = text.lines().count();
    if lines > MOST_LINES {
        report(lines, format!("{lines} lines, at most {MOST_LINES}"));
    }
    let room = match file.split_once('/') {
        Some((room, _)) => room,
        None if file == "lib.rs" => return violations,
        None => {
            report(1, "a file outside the rooms".to_owned());
            return violations;
        }
    };
    let Some((_, imports)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        report(1, format!("`{room}` is no room of ARCHITECTURE.md"));
        return violations;
    };
    let source = Source::read(file, text);
    for (line, word) in &source.words {
        if word == "unsafe" && file != UNSAFE_FILE {
            report(*line, format!("`unsafe` outside src/{UNSAFE_FILE}"));
        }
        if SYNCS.contains(&word.as_str()) && room != "host" {
            report(*line, format!("`{word}` outside src/host"));
        }
    }
    for used in &source.paths {
        let path = used.path.join("::");
        if let [first, other, ..] = used.path.as_slice()
            && first == "crate"
            && ROOMS.iter().any(|(name, _)| name == other)
            && other != room
            && !imports.contains(&other.as_str())
        {
            report(
                used.line,
                format!("`{room}` may not import `{other}` (`{path}`)"),
            );
        }
        let guard = GUARDED
            .iter()
            .find(|(guarded, _)| meets(&used.path, guarded));
        if let Some((guarded, rooms)) = guard
            && !used.is_in_test
            && !rooms.contains(&room)
        {
            report(used.line, format!("`{guarded}` in `{room}` (`{path}`)"));
        }
    }
    violations
}

/// Whether a path is below a guarded one, or names a module or a `*` above it
/// through which it could be reached.
fn meets(path: &[String], guarded: &str) -> bool {
    let guarded: Vec<&str> = guarded.split("::").collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [above @ .., "*"] if guarded.starts_with(above) => true,
        // `use std::time` and then `time::Instant`; but every file uses `std::io`.
        ["std", "time"] => guarded.starts_with(&["std", "time"]),
        path => path.starts_with(&guarded),
    }
}

/// A path that a file names, resolved as far as tokens tell.
#[derive(Debug)]
struct Used {
    line: usize,
    path: Vec<String>,
    is_in_test: bool,
}

#[derive(Debug, Default)]
struct Source {
    words: Vec<(usize, String)>,
    paths: Vec<Used>,
}

impl Source {
    fn read(file: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let mut source = Self::default();
        let module = module_of(file);
        // The inline modules around a token: where each ends, by depth of braces.
        let mut inline: Vec<(usize, bool)> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        let is_test_file = file.ends_with("/tests.rs") || file.contains("/tests/");
        while at < tokens.len() {
            let (line, token) = &tokens[at];
            match token.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inline.retain(|(outer, _)| *outer < depth);
                }
                "mod" if token_at(&tokens, at + 2) == "{" => {
                    let attribute = tokens[at.saturating_sub(8)..at].iter();
                    let attribute: String = attribute.map(|(_, token)| token.as_str()).collect();
                    inline.push((depth, attribute.contains("#[cfg(test)]")));
                }
                _ if is_word(token) => {
                    source.words.push((*line, token.clone()));
                    let is_start = at == 0 || tokens[at - 1].1 != "::";
                    let is_path = token_at(&tokens, at + 1) == "::" || is_use(&tokens, at);
                    if is_start && is_path {
                        let is_in_test = is_test_file || inline.iter().any(|(_, test)| *test);
                        let mut found = Vec::new();
                        expand(&tokens, at, &[], &mut found);
                        source
                            .paths
                            .extend(found.into_iter().map(|(line, path)| Used {
                                line,
                                path: resolve(&module, inline.len(), path),
                                is_in_test,
                            }));
                    }
                }
                _ => {}
            }
            at += 1;
        }
        source
    }
}

/// Whether a word comes right after `use`.
fn is_use(tokens: &[(usize, String)], at: usize) -> bool {
    at > 0 && tokens[at - 1].1 == "use"
}

fn token_at(tokens: &[(usize, String)], at: usize) -> &str {
    tokens.get(at).map_or("", |(_, token)| token)
}

/// The module a file is, below the crate.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Every path of the tree that starts at a token; returns the token behind it.
fn expand(
    tokens: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    loop {
        match token_at(tokens, at) {
            "{" => {
                at += 1;
                while !matches!(token_at(tokens, at), "}" | "") {
                    at = expand(tokens, at, &path, found);
                    if token_at(tokens, at) == "as" {
                        at += 2;
                    }
                    if token_at(tokens, at) == "," {
                        at += 1;
                    } else if token_at(tokens, at) != "}" {
                        return at + 1; // Not a tree of paths.
                    }
                }
                return at + 1;
            }
            "*" => path.push("*".to_owned()),
            "self" if !path.is_empty() => {}
            word if is_word(word) => path.push(word.to_owned()),
            _ => break,
        }
        at += 1;
        if token_at(tokens, at) != "::" {
            break;
        }
        at += 1;
    }
    if !path.is_empty() {
        found.push((line, path));
    }
    at
}

/// Replaces `self`, `super` and the name of the crate at the front.
fn resolve(module: &[String], inline: usize, path: Vec<String>) -> Vec<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let crate_name = "crate".to_owned();
    let rest = |count: usize| path[count..].iter().cloned();
    match path[0].as_str() {
        "ottla" => [crate_name].into_iter().chain(rest(1)).collect(),
        "super" => {
            let ups = supers.saturating_sub(inline);
            let kept = module[..module.len().saturating_sub(ups)].iter().cloned();
            [crate_name]
                .into_iter()
                .chain(kept)
                .chain(rest(supers))
                .collect()
        }
        _ => path,
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The words, `::` and other signs of a source text with their lines, without
/// comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if rest.starts_with('"') || rest.starts_with("b\"") || rest.starts_with("c\"") {
            string(rest)
        } else if first == '\'' {
            quote(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let is_part = |part: char| part.is_alphanumeric() || part == '_';
            let length = rest.find(|part| !is_part(part)).unwrap_or(rest.len());
            tokens.push((line, rest[..length].to_owned()));
            length
        } else if rest.starts_with("::") {
            tokens.push((line, "::".to_owned()));
            2
        } else {
            if !first.is_whitespace() {
                tokens.push((line, first.to_string()));
            }
            first.len_utf8()
        };
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    tokens
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let (change, length) = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += change;
        at += length;
        if depth == 0 {
            break;
        }
    }
    at
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len() + hashes + 1;
    Some(
        rest[start..]
            .find(&end)
            .map_or(rest.len(), |at| start + at + end.len()),
    )
}

fn string(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = rest.find('"').unwrap_or(0) + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character, or the quote of a lifetime.
fn quote(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let start = at + escaped.len_utf8();
            rest[start..]
                .find('\'')
                .map_or(rest.len(), |end| start + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

// The check is able to fail.

fn found(file: &str, text: &str) -> Vec<String> {
    let violations = check(file, text).into_iter();
    violations
        .map(|violation| format!("{}: {}", violation.line, violation.what))
        .collect()
}

#[test]
fn a_wrong_import_is_found() {
    let cases = [
        ("format/a.rs", "use crate::host::Host;"),
        ("host/a.rs", "use crate::format;"),
        ("log/a.rs", "use crate::{format::Offset, tools::{lines}};"),
        ("log/a.rs", "\nfn f() -> crate::tools::X { todo!() }"),
        ("log/a.rs", "pub(crate) use crate::tools as t;"),
        ("log/partition/a.rs", "use super::super::super::tools::X;"),
        (
            "log/a.rs",
            "mod tests { use super::super::super::tools::X; }",
        ),
        ("bin/a.rs", "fn main() { ottla::log::run() }"),
        ("coordinator/a.rs", "use crate::log::Partition;"),
        ("client/a.rs", "use crate::broker::Fetch;"),
        (
            "format/a.rs",
            "#[cfg(test)] mod tests { use crate::log::X; }",
        ),
    ];
    for (file, text) in cases {
        let found = found(file, text);
        assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
        assert!(found[0].contains("may not import"), "{found:?}");
    }
    assert_eq!(
        found("log/a.rs", "\nuse crate::tools::X;"),
        ["2: `log` may not import `tools` (`crate::tools::X`)"]
    );
}

#[test]
fn a_touch_of_the_machine_is_found() {
    let cases = [
        ("log/a.rs", "use std::fs;"),
        ("log/a.rs", "use std::{fs::File, io};"),
        ("log/a.rs", "use std::fs::*;"),
        ("log/a.rs", "fn f() { std::fs::read(\"x\"); }"),
        ("tools/a.rs", "use std::net::TcpStream;"),
        ("tools/a.rs", "let a = std::time::Instant::now();"),
        ("log/a.rs", "use std::time::{Duration, SystemTime};"),
        ("log/a.rs", "use std::env;"),
        ("log/a.rs", "std::io::stdout().flush()"),
        ("format/a.rs", "use std::thread;"),
        ("log/a.rs", "file.sync_data()"),
        ("tools/a.rs", "rustix::fs::fsync(x)"),
        ("tools/a.rs", "use libc::kill;"),
        ("tools/a.rs", "let x = unsafe { y() };"),
        ("host/sim/a.rs", "unsafe fn f() {}"),
        (
            "format/a.rs",
            "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }",
        ),
        ("format/a.rs", "#[cfg(test)] mod tests { } use std::fs;"),
    ];
    for (file, text) in cases {
        assert!(!found(file, text).is_empty(), "{file}: {text}");
    }
    for text in ["use std::time;", "use std::time::*;", "use std::*;"] {
        assert!(!found("log/a.rs", text).is_empty(), "{text}");
    }
}

#[test]
fn a_stray_or_long_file_is_found() {
    assert_eq!(found("misc.rs", ""), ["1: a file outside the rooms"]);
    assert_eq!(
        found("util/a.rs", ""),
        ["1: `util` is no room of ARCHITECTURE.md"]
    );
    assert_eq!(
        found("log/a.rs", &"\n".repeat(901)),
        ["901: 901 lines, at most 900"]
    );
}

#[test]
fn what_is_allowed_is_not_reported() {
    let cases = [
        ("lib.rs", "pub mod tools;"),
        (
            "bin/a.rs",
            "use ottla::tools; fn main() { std::env::args(); }",
        ),
        (
            "tools/a.rs",
            "use crate::{log, format::Offset, host::Host}; use std::io::stdin;",
        ),
        (
            "log/a.rs",
            "use crate::host::{Host, Open}; use std::time::Duration; host.sync_all(p)",
        ),
        (
            "log/a/b.rs",
            "use super::super::Partition; use super::tools;",
        ),
        ("log/a.rs", "mod tests { use super::tools; }"),
        ("host/real.rs", "unsafe { libc::fcntl() } use std::fs;"),
        (
            "format/a.rs",
            "// use crate::log; unsafe\n/* std::fs /* x */ unsafe */",
        ),
        (
            "format/a.rs",
            r####"let a = "unsafe \" std::fs"; let b = r#"unsafe "#;"####,
        ),
        (
            "format/a.rs",
            "fn f<'a>(x: &'a u8) -> char { '\"' } const C: char = '\\'';",
        ),
        ("format/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }"),
        ("format/a/tests.rs", "use std::fs;"),
    ];
    for (file, text) in cases {
        assert_eq!(found(file, text), [""; 0], "{file}: {text}");
    }
}
