//! The published table of the scripts: what each is for, which cmdlets it names, and what its argument's hash is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::super::Script;

const PAGE: &str = include_str!("../../../../../docs/windows-scripts.md");
const BEGIN: &str = "<!-- the table: held against the scripts by a test -->\n";

/// The commands that a text names, outside its comments and texts.
fn commands(text: &str) -> BTreeSet<&str> {
    let own: BTreeSet<&str> = COMMON
        .lines()
        .filter_map(|line| line.strip_prefix("function "))
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = code
        .flat_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '\''));
    words
        .filter(|word| {
            let parts = word.split_once('-');
            let begins = |part: &str| part.starts_with(|letter: char| letter.is_ascii_uppercase()) && part.len() > 2;
            parts.is_some_and(|(verb, noun)| begins(verb) && begins(noun)) && !own.contains(word)
        })
        .collect()
}

/// The functions of `common.ps1`, each with its parameters.
fn functions() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut functions = BTreeMap::new();
    for part in COMMON.split("\nfunction ").skip(1) {
        let (name, body) = part.split_once(" {\n").unwrap();
        let given = body.trim_start().strip_prefix("param(").map_or("", |rest| rest.split_once(")\n").unwrap().0);
        // `$Object, [string] $Name`
        let names = given.split(',').filter_map(|one| one.split_once('$')).map(|(_, name)| name);
        functions.insert(name, names.collect());
    }
    functions
}

#[test]
fn the_functions_of_common_have_the_parameters_that_the_list_allows() {
    const ALLOWED: &str = include_str!("../../../../../tests/powershell/allowed.txt");
    let (functions, mut judged) = (functions(), 0);
    for line in ALLOWED.lines().filter_map(|line| line.strip_prefix("command ")) {
        let mut words = line.split('#').next().unwrap().split_whitespace();
        let Some(parameters) = words.next().and_then(|name| functions.get(name)) else { continue };
        for wanted in words {
            judged += 1;
            assert!(parameters.iter().any(|known| wanted == format!("-{known}")), "{line}: there are {parameters:?}");
        }
    }
    assert!(judged > 20, "only {judged} parameters were seen");
}

/// What stands before every script but `restore`.
const COMMON: &str = include_str!("../scripts/common.ps1");

fn own(script: Script) -> &'static str {
    script.text().strip_prefix(COMMON).unwrap_or(script.text())
}

/// The purpose: the comment that a script begins with, up to its first full stop.
fn purpose(own: &str) -> String {
    let comment: Vec<&str> = own.lines().map_while(|line| line.strip_prefix("# ")).collect();
    let text = comment.join(" ");
    text.split_once(". ").map_or(text.clone(), |(first, _)| first.to_owned()).trim_end_matches('.').to_owned()
}

fn table() -> String {
    let mut table =
        String::from("| script | what it does | commands | SHA-256 of the argument |\n| --- | --- | --- | --- |\n");
    let mut row = |name: &str, own: &str, hash: &str| {
        let names: Vec<String> = commands(own).iter().map(|name| format!("`{name}`")).collect();
        writeln!(table, "| `{name}` | {} | {} | {hash} |", purpose(own), names.join(", ")).unwrap();
    };
    row("common", COMMON, "a part of each but `restore`");
    for script in Script::ALL {
        let digest = Sha256::digest(script.encoded().as_bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        row(script.name(), own(script), &format!("`{hash}`"));
    }
    table
}

#[test]
fn the_published_table_is_that_of_the_scripts() {
    let (_, published) = PAGE.split_once(BEGIN).unwrap();
    let wanted = table();
    assert!(published.starts_with(&wanted), "docs/windows-scripts.md wants this table:\n{wanted}");
}
