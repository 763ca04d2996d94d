//! What a script may name: one section for each script in `allowed.txt`.

use std::collections::{BTreeMap, BTreeSet};

/// What one script may name. Names are in small letters: PowerShell does not tell the difference.
#[derive(Debug, Default)]
pub struct Law {
    /// Command, and the parameters it may be given.
    pub commands: BTreeMap<String, BTreeSet<String>>,
    /// .NET types and attributes.
    pub types: BTreeSet<String>,
    /// Members of objects: properties and methods.
    pub members: BTreeSet<String>,
    /// Keys of a data file, some with the one value that they may have.
    pub keys: BTreeMap<String, Option<String>>,
}

/// Reads `allowed.txt`: `[path]`, then lines `command NAME -Parameter…`, `type NAME…`, `member NAME…`,
/// `key NAME…` or `key NAME=VALUE`.
pub fn read(text: &str) -> Result<BTreeMap<String, Law>, String> {
    let mut laws: BTreeMap<String, Law> = BTreeMap::new();
    let mut path = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if laws.insert(section.to_owned(), Law::default()).is_some() {
                return Err(format!("line {}: a second section for {section}", number + 1));
            }
            path = Some(section.to_owned());
            continue;
        }
        let mut words = line.split_whitespace().map(str::to_lowercase);
        let Some(kind) = words.next() else { continue };
        let law = path.as_ref().and_then(|path| laws.get_mut(path));
        let law = law.ok_or_else(|| format!("line {}: before the first section", number + 1))?;
        match kind.as_str() {
            "command" => {
                let name = words.next().ok_or_else(|| format!("line {}: no name", number + 1))?;
                law.commands.entry(name).or_default().extend(words);
            }
            "type" => law.types.extend(words),
            "member" => law.members.extend(words),
            "key" => law.keys.extend(words.map(|word| match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            })),
            other => return Err(format!("line {}: {other} is neither command, type, member nor key", number + 1)),
        }
    }
    Ok(laws)
}
