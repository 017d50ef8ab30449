//! The tree read as text: which way imports point, where time and panics come from, how long a
//! file may grow. It leans on the regular form that rustfmt gives to every source.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a source. One that is longer is usually two nouns.
const MAX_LINES: usize = 600;

/// What each module may import of ours besides itself: a module with all that is in it, or one
/// item. The picture of this table is in `src/lib.rs`.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("clock", &[]),
    ("error", &[]),
    ("config", &["clock"]),
    ("domain", &["analytics::exposure::Sensitivities"]), // plain numbers, kept as they are
    (
        "market",
        &[
            "domain",
            "analytics",
            "clock",
            "config",
            "postgres::Db",
            "store::throttle", // what processes share of a provider's limits
        ],
    ),
    ("store", &["domain", "postgres::moment::Claims", "analytics::exposure::Sensitivities"]),
    ("postgres", &["domain", "error", "store", "telemetry"]),
    ("telemetry", &[]),
    ("render", &[]),
    (
        "services",
        &[
            "store",
            "market",
            "domain",
            "analytics",
            "render",
            "postgres",
            "config",
            "clock",
            "error",
            "telemetry", // what people are told is counted where it is written down
        ],
    ),
    (
        "jobs",
        &[
            "services",
            "domain",
            "error",
            "store", // what becomes of jobs is theirs to write
            "postgres::ENGINE_SCHEMA",
            "config::Environment", // the demo is a matter of development
        ],
    ),
    (
        "graphql",
        &[
            "services",
            "store",
            "domain",
            "error",
            "config::assumptions", // what stands in for a rate that nobody knows
            "postgres::moment",
            "market::import", // the largest file
            // figures as they are shown
            "analytics::exposure::Sensitivities",
            "analytics::exposure::Totals",
            "analytics::option::Greeks",
        ],
    ),
    (
        "http",
        &[
            "graphql",
            "services",
            "domain",
            "postgres",
            "config",
            "error",
            "market::import",
            "store::jobs::census", // what the database knows of the jobs, for whoever runs them
            "telemetry",
        ],
    ),
    ("doctor", &["app", "clock", "config", "domain", "error", "postgres", "services", "store"]),
    ("lib", &[]),
];

/// These wire everything together.
const WIRING: [&str; 2] = ["app", "main"];

#[test]
fn imports_point_one_way() {
    let wrong: Vec<_> = sources("src").iter().flat_map(wrong_imports).collect();
    assert!(wrong.is_empty(), "against the table in this test:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_clock_reads_the_time() {
    let wrong = lines_with(&sources("src"), &["Utc::now", "Local::now"], |source| {
        source.module[0] != "clock"
    });
    assert!(wrong.is_empty(), "ask `services.now()` instead:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let wrong = lines_with(&sources("src"), &[".unwrap()"], |source| !source.is_test());
    assert!(wrong.is_empty(), "say why it cannot fail, or handle it:\n{}", wrong.join("\n"));
}

#[test]
fn the_mathematics_neither_waits_nor_logs_nor_reads_a_clock() {
    let manifest = read(&root().join("analytics/Cargo.toml"));
    let others = ["sigmasight =", "tokio", "tracing", "sqlx", "async-graphql"];
    let wrong: Vec<_> = others.iter().filter(|name| manifest.contains(**name)).collect();
    assert!(wrong.is_empty(), "the mathematics depends on {wrong:?}");

    let words = ["async ", ".await", "::now(", "std::fs", "std::net", "println!"];
    let wrong = lines_with(&sources("analytics/src"), &words, |source| !source.is_test());
    assert!(wrong.is_empty(), "numbers to numbers, and no more:\n{}", wrong.join("\n"));
}

#[test]
fn no_source_outgrows_its_reader() {
    let long: Vec<_> = ["src", "analytics/src"]
        .into_iter()
        .flat_map(sources)
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than {MAX_LINES}: split them:\n{}", long.join("\n"));
}

/// Lines with their numbers.
type Lines<'a> = Vec<(usize, &'a str)>;

/// One file of Rust.
struct Source {
    path: PathBuf,
    /// Its module's path below the crate: `["graphql", "types", "node"]`.
    module: Vec<String>,
    text: String,
}

impl Source {
    fn new(path: PathBuf, below: &Path, text: &str) -> Self {
        let mut module: Vec<_> = path
            .strip_prefix(below)
            .expect("a source is below its root")
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if module.len() > 1 && module.last().is_some_and(|name| name == "mod") {
            module.pop();
        }
        Self { path, module, text: text.to_owned() }
    }

    fn is_test(&self) -> bool {
        self.module.iter().any(|name| name == "tests")
    }

    /// The lines of code, comments cut off; those of a module of tests apart,
    /// which by custom ends its file.
    fn lines(&self) -> (Lines<'_>, Lines<'_>) {
        let code = |line| str::split(line, "//").next().unwrap_or_default();
        let lines: Vec<_> = (1..).zip(self.text.lines().map(code)).collect();
        let tests = lines.iter().position(|(_, line)| *line == "mod tests {");
        let (code, tests) = lines.split_at(tests.unwrap_or(lines.len()));
        (code.to_vec(), tests.to_vec())
    }
}

/// Imports of a source that its module may not have, each as a line to read.
fn wrong_imports(source: &Source) -> Vec<String> {
    let module = source.module[0].as_str();
    if WIRING.contains(&module) {
        return Vec::new();
    }
    let table = BTreeMap::from(MAY_IMPORT);
    let Some(allowed) = table.get(module) else {
        return vec![format!("{}: `{module}` is not in the table", source.path.display())];
    };
    imports(source)
        .into_iter()
        .filter(|path| {
            let is_within = |whole: &str| {
                path.strip_prefix(whole)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            !is_within(module) && !allowed.iter().any(|whole| is_within(whole))
        })
        .map(|path| format!("{}: {module} imports {path}", source.path.display()))
        .collect()
}

/// Everything of ours that a source names, by its path below the crate: `domain::id::UserId`.
fn imports(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let (code, tests) = source.lines();
    for (lines, depth) in [(code, 0), (tests, 1)] {
        let text: String = lines.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
        let mut rest = text.as_str();
        while let Some((start, end, root)) = next_root(rest) {
            let is_word = rest[..start]
                .ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before));
            let mut place = &rest[end..];
            rest = place;
            if is_word {
                continue;
            }
            let mut prefix = match root {
                Root::Analytics => vec!["analytics".to_owned()],
                Root::Crate => Vec::new(),
                Root::Super => {
                    let mut above = 1;
                    while let Some(more) = place.strip_prefix("super::") {
                        (place, above) = (more, above + 1);
                    }
                    rest = place;
                    let mut module = source.module.clone();
                    module.extend((0..depth).map(|_| "tests".to_owned()));
                    module.truncate(module.len().saturating_sub(above));
                    module
                }
            };
            tree(&mut place, &mut prefix, &mut found);
        }
    }
    found
}

#[derive(Clone, Copy)]
enum Root {
    Crate,
    Super,
    Analytics,
}

/// Where the next path of ours begins, where what it names begins, and what it starts from.
fn next_root(text: &str) -> Option<(usize, usize, Root)> {
    [
        ("crate::", Root::Crate),
        ("sigmasight::", Root::Crate),
        ("super::", Root::Super),
        ("sigmasight_analytics::", Root::Analytics),
    ]
    .into_iter()
    .filter_map(|(word, root)| text.find(word).map(|start| (start, start + word.len(), root)))
    .min_by_key(|(start, ..)| *start)
}

/// Reads the tree of a `use`, or a plain path, and adds the path to each of its leaves.
fn tree(text: &mut &str, prefix: &mut Vec<String>, found: &mut Vec<String>) {
    *text = text.trim_start();
    if let Some(inside) = text.strip_prefix('{') {
        *text = inside;
        while !text.is_empty() && !text.starts_with('}') {
            tree(text, &mut prefix.clone(), found);
            // What is left of a leaf, such as `as Name`.
            let end = text.find([',', '}']).unwrap_or(text.len());
            *text = text[end..].trim_start_matches(',').trim_start();
        }
        *text = text.strip_prefix('}').unwrap_or(text);
        return;
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '*';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    *text = rest;
    if name != "self" {
        prefix.push(name.to_owned());
    }
    match text.strip_prefix("::") {
        Some(more) if !more.starts_with('<') => {
            *text = more;
            tree(text, prefix, found);
        }
        _ => found.push(prefix.join("::")),
    }
}

/// Lines of code outside tests that have one of the words, in the sources that count.
fn lines_with(sources: &[Source], words: &[&str], counts: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| counts(source)) {
        for (number, line) in source.lines().0 {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", source.path.display(), line.trim()));
            }
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of Rust in a folder, by path.
fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut sources = Vec::new();
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                sources.push(Source::new(path, &root().join(folder), &text));
            }
        }
    }
    assert!(!sources.is_empty(), "no sources in {folder}");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

mod the_checker {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.into(), Path::new(""), text)
    }

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let prefix = format!("{path}: ");
        wrong_imports(&source(path, text))
            .iter()
            .map(|line| line.trim_start_matches(&prefix).to_owned())
            .collect()
    }

    #[test]
    fn sees_an_import_that_points_the_wrong_way() {
        for (path, text, wrong) in [
            ("domain/tag.rs", "use crate::store::tags;", "domain imports store::tags"),
            ("store/tags.rs", "use crate::{domain, services};", "store imports services"),
            ("jobs/mod.rs", "use crate::graphql as api;", "jobs imports graphql"),
            (
                "services/demo.rs",
                "fn f() { crate::http::Door::new(); }",
                "services imports http::Door::new",
            ),
            ("market/import.rs", "    let x = $crate::app::App;", "market imports app::App"),
            ("domain/page.rs", "use super::super::error::Code;", "domain imports error::Code"),
            ("domain/mod.rs", "use super::clock::Clock;", "domain imports clock::Clock"),
            (
                "domain/page.rs",
                "use sigmasight_analytics::risk::z;",
                "domain imports analytics::risk::z",
            ),
            (
                "store/mod.rs",
                "use crate::postgres::moment::{Claims, Moment};",
                "store imports postgres::moment::Moment",
            ),
            (
                "store/mod.rs",
                "use crate::{\n    domain::{id, tag::{self as t, Tag}},\n    postgres::Db,\n};",
                "store imports postgres::Db",
            ),
            ("store/mod.rs", "use crate::*;", "store imports *"),
            (
                "domain/x.rs",
                "fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::super::super::app::App;\n}",
                "domain imports app::App",
            ),
            ("trading/mod.rs", "", "`trading` is not in the table"),
        ] {
            assert_eq!(complaints(path, text), [wrong], "{text}");
        }
    }

    #[test]
    fn lets_the_right_ones_pass() {
        for (path, text) in [
            ("store/users.rs", "use crate::postgres::moment::Claims;\nuse super::tags;"),
            (
                "domain/page.rs",
                "// use crate::store;\n/// [`Db`](crate::postgres::Db)\nuse super::id::UserId;",
            ),
            (
                "domain/x.rs",
                "#[cfg(test)]\nmod tests {\n    use super::*;\n    use super::super::id;\n}",
            ),
            (
                "graphql/types/tag.rs",
                "use super::super::id::NodeId;\npub(in crate::graphql) struct Tag;",
            ),
            (
                "services/mod.rs",
                "use crate::store::{self, tags::Tag as T};\nlet a = crate::error::f::<u8>();",
            ),
            ("app.rs", "use crate::{graphql, http, jobs};"),
        ] {
            assert_eq!(complaints(path, text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn sees_words_in_code_and_not_in_comments_or_tests() {
        let text = "let a = b.unwrap(); // fails\n// c.unwrap()\nmod tests {\n    d.unwrap();\n}";
        let found = lines_with(&[source("domain/x.rs", text)], &[".unwrap()"], |_| true);
        assert_eq!(found, ["domain/x.rs:1: let a = b.unwrap();"]);
    }
}
