//! Everything that can be asked of a type, from what the schema says of itself.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::support::Person;

const INTROSPECTION: &str = "{
    __schema { types {
        kind name
        interfaces { name }
        enumValues { name }
        fields { name type { ...named } args { name defaultValue type { ...named } } }
    } }
}
fragment named on __Type { ...one ofType { ...one ofType { ...one ofType { ...one ofType { ...one
    ofType { ...one } } } } } }
fragment one on __Type { kind name }";

/// Arguments that nobody can leave out or that are worth another value, by name. A new field with
/// one that has to be given is a panic that names it, until a value stands here.
const VALUES: [(&str, &str); 10] = [
    ("date", "\"2024-06-28\""),
    ("asOf", "\"2024-03-28\""),
    ("lossRatio", "0.1"),
    ("scenarioId", "$scenario"),
    ("windowDays", "20"),
    ("lookbackDays", "1260"),
    ("daysBack", "252"),
    ("horizonDays", "21"),
    ("confidence", "0.99"),
    ("moves", "[-0.1, 0.05, 0]"),
];
/// Entries asked for of each list.
const ENTRIES: &str = "2";

/// What the schema says of itself.
pub struct Schema(HashMap<String, Value>);

/// Through which field of which type each type is reached.
type Reached = HashMap<String, (String, String)>;

/// A field to be asked for.
#[derive(Clone)]
pub struct Asked {
    /// Its name, or the alias of one that is asked again with other arguments.
    pub key: String,
    call: String,
    pub kind: Value,
    pub inner: Vec<Asked>,
}

impl Asked {
    /// Whether it is or holds a field of one of these names.
    pub fn has(&self, names: &[&str]) -> bool {
        self.is(names) || self.inner.iter().any(|one| one.has(names))
    }

    /// Whether it is of a field of one of these names; its key may have a number behind that.
    fn is(&self, names: &[&str]) -> bool {
        self.key.split('_').next().is_some_and(|name| names.contains(&name))
    }

    /// Without fields of these names, wherever they are; None when nothing is left.
    pub fn without(&self, names: &[&str]) -> Option<Self> {
        let inner: Vec<_> = self.inner.iter().filter_map(|one| one.without(names)).collect();
        let is_left = !self.is(names) && inner.is_empty() == self.inner.is_empty();
        is_left.then(|| Self { inner, ..self.clone() })
    }

    /// Without what is deeper than so many brackets.
    pub fn to_depth(&self, depth: usize) -> Option<Self> {
        let inner: Vec<_> = match depth {
            0 => Vec::new(),
            _ => self.inner.iter().filter_map(|one| one.to_depth(depth - 1)).collect(),
        };
        (inner.is_empty() == self.inner.is_empty()).then(|| Self { inner, ..self.clone() })
    }

    fn write(&self, text: &mut String) {
        text.push_str(&self.call);
        if !self.inner.is_empty() {
            text.push('{');
            write(&self.inner, text);
            text.push('}');
        }
    }
}

fn write(fields: &[Asked], text: &mut String) {
    for field in fields {
        field.write(text);
        text.push(' ');
    }
}

/// The text of a selection.
pub fn text(fields: &[Asked]) -> String {
    let mut text = String::new();
    write(fields, &mut text);
    text
}

pub fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The type that lists and promises are of.
fn named(kind: &Value) -> &str {
    let inner = &kind["ofType"];
    if inner.is_null() { string(&kind["name"]) } else { named(inner) }
}

impl Schema {
    pub async fn read(person: &Person) -> Self {
        let mut said = person.reads(INTROSPECTION, Value::Null).await;
        let types = said["__schema"]["types"].take();
        let types = entries(&types).map(|kind| (string(&kind["name"]).to_owned(), kind.clone()));
        Self(types.collect())
    }

    fn kind(&self, name: &str) -> &str {
        string(&self.0[name]["kind"])
    }

    fn is_node(&self, name: &str) -> bool {
        entries(&self.0[name]["interfaces"]).any(|one| one["name"] == "Node")
    }

    fn fields(&self, name: &str) -> impl Iterator<Item = &Value> {
        // Edges hold the nodes again, and what is tried on a portfolio answers as it does itself:
        // `modeling` tells that, and in how many statements. Chains of options are asked of
        // providers, and `market` tells how.
        const ELSEWHERE: [&str; 3] = ["edges", "modelingSessions", "optionChain"];
        entries(&self.0[name]["fields"])
            .filter(|field| !ELSEWHERE.contains(&string(&field["name"])))
    }

    /// All that can be asked of a type, and of what is reached from it: things with an id once in
    /// full, where they are nearest, and by their plain fields elsewhere; values everywhere.
    pub fn everything(&self, root: &str) -> Vec<Asked> {
        self.of(root, &self.reached(root), &mut vec![root.to_owned()])
    }

    /// The objects among that again, of the root and of each thing with an id where it is nearest,
    /// with other arguments than those that are taken when none are given, one by one.
    pub fn variants(&self, root: &str) -> Vec<Asked> {
        let reached = self.reached(root);
        let mut things: Vec<_> = reached.keys().filter(|kind| self.is_node(kind)).collect();
        things.sort();
        let each = things.into_iter().flat_map(|thing| {
            let variants = self.variants_of(thing, &reached);
            variants.into_iter().map(|one| self.reach(thing, root, vec![one], &reached))
        });
        each.collect()
    }

    fn variants_of(&self, kind: &str, reached: &Reached) -> Vec<Asked> {
        let mut asked = Vec::new();
        for field in self.fields(kind) {
            let (name, of) = (string(&field["name"]), named(&field["type"]));
            if self.kind(of) != "OBJECT" {
                continue;
            }
            let inner = if self.is_home(of, kind, name, reached) {
                self.of(of, reached, &mut vec![kind.to_owned(), of.to_owned()])
            } else {
                self.plain(of)
            };
            for (at, other) in self.alternatives(field).iter().enumerate() {
                asked.push(self.ask(kind, field, &format!("{name}_{at}"), Some(other), &inner));
            }
        }
        asked
    }

    /// What asks for something of a type, from the root.
    fn reach(&self, kind: &str, root: &str, asked: Vec<Asked>, reached: &Reached) -> Asked {
        let mut asked = asked;
        let mut kind = kind;
        while kind != root {
            let (parent, name) = &reached[kind];
            let field = self.fields(parent).find(|field| field["name"] == name.as_str());
            let field = field.expect("a field that it was reached through");
            asked = vec![self.ask(parent, field, name, None, &asked)];
            kind = parent;
        }
        asked.remove(0)
    }

    /// Through which field of which type each object is reached first.
    fn reached(&self, root: &str) -> Reached {
        let mut reached = Reached::from([(root.to_owned(), (String::new(), String::new()))]);
        let mut waiting = VecDeque::from([root]);
        while let Some(parent) = waiting.pop_front() {
            for field in self.fields(parent) {
                let kind = named(&field["type"]);
                if self.kind(kind) == "OBJECT" && !reached.contains_key(kind) {
                    let through = (parent.to_owned(), string(&field["name"]).to_owned());
                    reached.insert(kind.to_owned(), through);
                    waiting.push_back(kind);
                }
            }
        }
        reached
    }

    fn is_home(&self, kind: &str, parent: &str, field: &str, reached: &Reached) -> bool {
        let (nearest, name) = &reached[kind];
        !self.is_node(kind) || (nearest == parent && name == field)
    }

    fn of(&self, parent: &str, reached: &Reached, path: &mut Vec<String>) -> Vec<Asked> {
        let mut asked = Vec::new();
        for field in self.fields(parent) {
            let (name, kind) = (string(&field["name"]), named(&field["type"]));
            let inner = match self.kind(kind) {
                "OBJECT" if path.iter().any(|one| one == kind) => continue,
                "OBJECT" if self.is_home(kind, parent, name, reached) => {
                    path.push(kind.to_owned());
                    let inner = self.of(kind, reached, path);
                    path.pop();
                    inner
                }
                "OBJECT" => self.plain(kind),
                "UNION" | "INTERFACE" => typename(),
                _ => Vec::new(),
            };
            asked.push(self.ask(parent, field, name, None, &inner));
        }
        asked
    }

    /// The fields of a type that are no objects and need no arguments; its name where it has none.
    fn plain(&self, kind: &str) -> Vec<Asked> {
        let plain = self.fields(kind).filter(|field| {
            let is_plain = matches!(self.kind(named(&field["type"])), "SCALAR" | "ENUM");
            is_plain && entries(&field["args"]).next().is_none()
        });
        let plain: Vec<_> =
            plain.map(|field| self.ask(kind, field, string(&field["name"]), None, &[])).collect();
        if plain.is_empty() { typename() } else { plain }
    }

    fn ask(
        &self,
        parent: &str,
        field: &Value,
        key: &str,
        other: Option<&(String, String)>,
        inner: &[Asked],
    ) -> Asked {
        let name = string(&field["name"]);
        let given: Vec<_> = entries(&field["args"])
            .filter_map(|one| {
                let own = string(&one["name"]);
                if let Some((_, value)) = other.filter(|(name, _)| name == own) {
                    return Some(format!("{own}:{value}"));
                }
                let is_due = one["type"]["kind"] == "NON_NULL" && one["defaultValue"].is_null();
                match own {
                    "first" => Some(format!("first:{ENTRIES}")),
                    _ if is_due => {
                        let value = self.values(one).into_iter().next();
                        let value =
                            value.unwrap_or_else(|| panic!("a value for {parent}.{name}({own}:)"));
                        Some(format!("{own}:{value}"))
                    }
                    _ => None,
                }
            })
            .collect();
        let given = if given.is_empty() { String::new() } else { format!("({})", given.join(",")) };
        let call =
            if key == name { format!("{name}{given}") } else { format!("{key}:{name}{given}") };
        Asked { key: key.to_owned(), call, kind: field["type"].clone(), inner: inner.to_vec() }
    }

    /// What an argument may be given: every value of an enumeration, or what is noted for it.
    fn values(&self, argument: &Value) -> Vec<String> {
        let kind = named(&argument["type"]);
        if self.kind(kind) == "ENUM" && !is_list(&argument["type"]) {
            let values = entries(&self.0[kind]["enumValues"]);
            return values.map(|value| string(&value["name"]).to_owned()).collect();
        }
        let noted = VALUES.iter().filter(|(name, _)| argument["name"] == *name);
        noted.map(|(_, value)| (*value).to_owned()).collect()
    }

    /// Each argument of a field with each of its values but the one that is taken anyway.
    fn alternatives(&self, field: &Value) -> Vec<(String, String)> {
        let each = entries(&field["args"]).flat_map(|argument| {
            let values = self.values(argument).into_iter();
            let others = values.filter(|value| argument["defaultValue"] != value.as_str());
            others.map(|value| (string(&argument["name"]).to_owned(), value))
        });
        each.collect()
    }
}

fn typename() -> Vec<Asked> {
    let call = "__typename".to_owned();
    let kind = serde_json::json!({ "kind": "SCALAR", "name": "String" });
    vec![Asked { key: call.clone(), call, kind, inner: Vec::new() }]
}

fn is_list(kind: &Value) -> bool {
    kind["kind"] == "LIST" || !kind["ofType"].is_null() && is_list(&kind["ofType"])
}
