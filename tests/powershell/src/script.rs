//! Judges one script: both parsers must take it, and it may name only what its law allows.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::{Node, Parser, Tree};

use crate::law::Law;

/// What has no place in a script of ours, whatever its law says: the kind of node, and why.
const NEVER: [(&str, &str); 7] = [
    ("command_invokation_operator", "a command that is called by & or . may be any command"),
    ("command_name_expr", "a command's name is written out"),
    ("verbatim_command_argument", "arguments are parsed"),
    ("stop_parsing", "arguments are parsed"),
    ("file_redirection_operator", "nothing is written to files"),
    ("inlinescript_statement", "no workflow"),
    ("background_operator", "nothing runs in the background"),
];

/// Files that PowerShell reads as one hash table: manifests of modules, session configurations, role capabilities.
const DATA: [&str; 3] = [".psd1", ".pssc", ".psrc"];

/// What stands around a text.
const QUOTES: [char; 2] = ['\'', '"'];

/// The variables of a data file.
const CONSTANTS: [&str; 3] = ["$true", "$false", "$null"];

/// Whether PowerShell reads this file as data.
pub fn is_data(path: &str) -> bool {
    DATA.iter().any(|ending| path.ends_with(ending))
}

/// What a `try` needs one of.
const ENDS_OF_TRY: [&str; 2] = ["catch_clauses", "finally_clause"];

/// Every complaint about a script, each with its line. `data` = it must be one hash table.
pub fn faults(text: &str, law: &Law, data: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if !line.is_ascii() {
            faults.push(format!(
                "{}: not ASCII: Windows PowerShell 5.1 reads it in the machine's own code page",
                number + 1
            ));
        }
    }
    if let Some(fault) = syntax(text) {
        faults.push(fault);
        return faults;
    }
    let Some(tree) = tree(text) else { return vec!["1: the first parser gives no tree".to_owned()] };
    let mut judge = Judge { text, law, own: BTreeMap::new(), used: BTreeSet::new(), faults };
    judge.learn(tree.root_node());
    judge.walk(tree.root_node());
    if data {
        judge.table(tree.root_node());
    }
    let unused: Vec<String> = judge.unused();
    judge.faults.extend(unused);
    judge.faults
}

/// What is wrong with the syntax, by either parser.
fn syntax(text: &str) -> Option<String> {
    let Some(tree) = tree(text) else { return Some("1: the first parser gives no tree".to_owned()) };
    if tree.root_node().has_error() {
        return Some(format!("{}: the first parser (tree-sitter) finds broken syntax", first_error(tree.root_node())));
    }
    // It evaluates what it holds for harmless on the way, with no way out of its own memory; only its grammar's word counts.
    match ps_parser::PowerShellSession::new().parse_script(text) {
        Ok(_) => None,
        Err(fault) => Some(format!("the second parser (pest) finds broken syntax: {fault}")),
    }
}

fn tree(text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).ok()?;
    parser.parse(text, None)
}

fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}

fn first_error(node: Node<'_>) -> usize {
    if node.is_error() || node.is_missing() {
        return line(node);
    }
    children(node).into_iter().find(|child| child.has_error()).map_or_else(|| line(node), first_error)
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).collect()
}

struct Judge<'a> {
    text: &'a str,
    law: &'a Law,
    /// Functions of the script itself, with their parameters.
    own: BTreeMap<String, BTreeSet<String>>,
    used: BTreeSet<String>,
    faults: Vec<String>,
}

impl<'a> Judge<'a> {
    fn text(&self, node: Node<'_>) -> String {
        self.text.get(node.byte_range()).unwrap_or_default().to_lowercase()
    }

    fn fault(&mut self, node: Node<'_>, what: String) {
        self.faults.push(format!("{}: {what}", line(node)));
    }

    fn learn(&mut self, node: Node<'_>) {
        if node.kind() == "function_statement" {
            let mut name = String::new();
            let mut parameters = BTreeSet::new();
            for child in children(node) {
                match child.kind() {
                    "function_name" => name = self.text(child),
                    "script_block" => self.parameters(child, &mut parameters),
                    _ => {}
                }
            }
            self.own.insert(name, parameters);
        }
        for child in children(node) {
            self.learn(child);
        }
    }

    /// The parameters of a function's own `param` block.
    fn parameters(&self, block: Node<'_>, found: &mut BTreeSet<String>) {
        let lists = children(block).into_iter().filter(|child| child.kind() == "param_block").flat_map(children);
        for parameter in lists.filter(|list| list.kind() == "parameter_list").flat_map(children) {
            if let Some(name) = children(parameter).into_iter().find(|part| part.kind() == "variable") {
                found.insert(self.text(name).replacen('$', "-", 1));
            }
        }
    }

    fn walk(&mut self, node: Node<'_>) {
        match node.kind() {
            "command" => self.command(node),
            "type_spec" => {
                let name = self.text(node);
                self.named_type(node, &name);
            }
            "attribute_name" => {
                let name = self.text(node);
                self.named_type(node, &name);
            }
            "member_name" => self.member(node),
            // Both parsers take it, PowerShell does not.
            "try_statement" if !children(node).iter().any(|part| ENDS_OF_TRY.contains(&part.kind())) => {
                self.fault(node, "try without catch or finally".to_owned());
            }
            kind => {
                if let Some((_, why)) = NEVER.iter().find(|(never, _)| *never == kind) {
                    self.fault(node, (*why).to_owned());
                }
            }
        }
        for child in children(node) {
            self.walk(child);
        }
    }

    fn command(&mut self, node: Node<'_>) {
        let Some(named) = node.child_by_field_name("command_name").filter(|name| name.kind() == "command_name") else {
            return; // The walk meets what stands there instead.
        };
        let name = self.text(named);
        let law = self.law;
        let own = self.own.get(&name).cloned();
        let Some(allowed) = own.as_ref().or_else(|| law.commands.get(&name)) else {
            self.fault(node, format!("the command {name} is not allowed here"));
            return;
        };
        let allowed = allowed.clone();
        self.used.insert(format!("command {name}"));
        let elements = node.child_by_field_name("command_elements").map(children).unwrap_or_default();
        let mut elements = elements.into_iter().filter(|element| element.kind() != "command_argument_sep").peekable();
        while let Some(element) = elements.next() {
            if element.kind() != "command_parameter" {
                continue;
            }
            let parameter = self.text(element).trim_end_matches(':').to_owned();
            if !allowed.contains(&parameter) {
                self.fault(element, format!("the command {name} is not allowed to be given {parameter}"));
            }
            if own.is_none() {
                self.used.insert(format!("command {name} {parameter}"));
            }
            if name == "new-object" && parameter == "-typename" {
                match elements.peek().filter(|value| value.kind() == "generic_token") {
                    Some(&value) => {
                        let made = self.text(value);
                        self.named_type(value, &made);
                    }
                    None => self.fault(element, "the type that is made is written out".to_owned()),
                }
            }
        }
    }

    fn named_type(&mut self, node: Node<'_>, name: &str) {
        let name = name.trim_end_matches("[]");
        if !self.law.types.contains(name) {
            self.fault(node, format!("the type {name} is not allowed here"));
        }
        self.used.insert(format!("type {name}"));
    }

    fn member(&mut self, node: Node<'_>) {
        let name = self.text(node);
        if !children(node).iter().all(|part| part.kind() == "simple_name") {
            self.fault(node, "a member's name is written out".to_owned());
        } else if !self.law.members.contains(&name) {
            self.fault(node, format!("the member {name} is not allowed here"));
        }
        self.used.insert(format!("member {name}"));
    }

    /// The file is one hash table, and outside of its script blocks nothing but constants.
    fn table(&mut self, root: Node<'_>) {
        let mut node = root;
        while node.kind() != "hash_literal_expression" {
            let mut parts = children(node).into_iter().filter(|part| part.kind() != "comment");
            match (parts.next(), parts.next()) {
                (Some(only), None) => node = only,
                _ => return self.fault(root, "a data file is one hash table".to_owned()),
            }
        }
        self.constants(node);
    }

    fn constants(&mut self, node: Node<'_>) {
        match node.kind() {
            "script_block_expression" => return, // The walk has judged it.
            "command" => self.fault(node, "a data file runs no command".to_owned()),
            "variable" if !CONSTANTS.contains(&self.text(node).as_str()) => {
                self.fault(node, "a data file has no variable".to_owned());
            }
            "key_expression" => self.key(node),
            _ => {}
        }
        for child in children(node) {
            self.constants(child);
        }
    }

    fn key(&mut self, node: Node<'_>) {
        let name = self.text(node).trim_matches(QUOTES).to_owned();
        match self.law.keys.get(&name) {
            None => self.fault(node, format!("the key {name} is not allowed here")),
            Some(None) => {}
            Some(Some(wanted)) => {
                let value = node.parent().and_then(|entry| children(entry).pop());
                let value = value.map(|value| self.text(value).trim_matches(QUOTES).to_owned()).unwrap_or_default();
                if value != *wanted {
                    self.fault(node, format!("the key {name} is {wanted}, not {value}"));
                }
            }
        }
        self.used.insert(format!("key {name}"));
    }

    /// A permission that nothing needs is one too many.
    fn unused(&self) -> Vec<String> {
        let mut all = BTreeSet::new();
        for (name, parameters) in &self.law.commands {
            all.insert(format!("command {name}"));
            all.extend(parameters.iter().map(|parameter| format!("command {name} {parameter}")));
        }
        all.extend(self.law.types.iter().map(|name| format!("type {name}")));
        all.extend(self.law.members.iter().map(|name| format!("member {name}")));
        all.extend(self.law.keys.keys().map(|name| format!("key {name}")));
        all.difference(&self.used).map(|entry| format!("0: allowed, but not used any more: {entry}")).collect()
    }
}
