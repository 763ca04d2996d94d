//! Reads PowerShell scripts where there is no PowerShell: both parsers must take each script, and it may name only the
//! commands, parameters, types, members and, in data files, keys that `allowed.txt` lists for it.
//!
//!   powershell-scripts --self-test ALLOWED SCRIPT…   the samples, and the scripts with one bracket taken out
//!   powershell-scripts ALLOWED SCRIPT…               judges the scripts
//!
//! The last line is `N passed, N failed, N skipped`.

mod law;
mod samples;
mod script;

use std::collections::BTreeMap;
use std::process::ExitCode;

use law::Law;

/// Taking out one of these breaks a script, wherever it stands in the code.
const BRACKETS: [char; 6] = ['(', ')', '{', '}', '[', ']'];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == "--self-test" && rest.len() > 1 => self_test(&rest[0], &rest[1..]),
        Some((allowed, scripts)) if !scripts.is_empty() => judge(allowed, scripts),
        _ => Err("usage: powershell-scripts [--self-test] ALLOWED SCRIPT…".to_owned()),
    };
    match result {
        Ok((passed, failed)) => {
            println!("{passed} passed, {failed} failed, 0 skipped");
            ExitCode::from(u8::from(failed > 0 || passed == 0))
        }
        Err(fault) => {
            println!("{fault}");
            ExitCode::from(2)
        }
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|fault| format!("{path}: {fault}"))
}

fn laws_of(allowed: &str) -> Result<BTreeMap<String, Law>, String> {
    law::read(&read(allowed)?).map_err(|fault| format!("{allowed}: {fault}"))
}

fn judge(allowed: &str, scripts: &[String]) -> Result<(u32, u32), String> {
    let laws = laws_of(allowed)?;
    let (mut passed, mut failed) = (0, 0);
    for path in scripts {
        let faults = match laws.get(path) {
            Some(law) => script::faults(&read(path)?, law, script::is_data(path)),
            None => vec![format!("0: it has no section in {allowed}")],
        };
        for fault in &faults {
            println!("FAILED  {path}:{fault}");
        }
        if faults.is_empty() {
            println!("ok      {path}: both parsers take it, and it names only what it may");
            passed += 1;
        } else {
            failed += 1;
        }
    }
    for path in laws.keys().filter(|path| !scripts.contains(path)) {
        println!("FAILED  {allowed}: a section for {path}, which is not there");
        failed += 1;
    }
    Ok((passed, failed))
}

fn self_test(allowed: &str, scripts: &[String]) -> Result<(u32, u32), String> {
    let (mut passed, mut failed) = (0, 0);
    let laws = law::read(samples::LAW)?;
    let law = laws.get("sample").ok_or("the samples have no law")?;
    let scripts_of = samples::SAMPLES.iter().map(|sample| (sample, false));
    for ((text, wanted), data) in scripts_of.chain(samples::DATA.iter().map(|sample| (sample, true))) {
        let mut faults = script::faults(text, law, data);
        faults.retain(|fault| !fault.contains("not used any more"));
        let right = match wanted {
            None => faults.is_empty(),
            Some(word) => faults.iter().any(|fault| fault.contains(word)),
        };
        if right {
            passed += 1;
        } else {
            failed += 1;
            println!("FAILED  the sample {text:?}: wanted {wanted:?}, got {faults:?}");
        }
    }
    let spare = script::faults("Write-Output 'x'\n", law, false);
    if spare.iter().any(|fault| fault.contains("not used any more: command get-content")) {
        passed += 1;
    } else {
        failed += 1;
        println!("FAILED  a permission that nothing needs is not seen: {spare:?}");
    }
    let laws = laws_of(allowed)?;
    for path in scripts {
        let Some(law) = laws.get(path) else { continue }; // Judged and refused later.
        let (caught, missed) = without_one_bracket(&read(path)?, law, script::is_data(path));
        println!("{path}: with one bracket taken out, {caught} of {} are caught", caught + missed.len());
        for line in &missed {
            println!("        not caught: line {line}");
        }
        if caught > 0 && missed.is_empty() {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    Ok((passed, failed))
}

/// The script as often as it has brackets in its code, one of them missing each time: how many are caught, and the
/// lines of the others.
fn without_one_bracket(text: &str, law: &Law, data: bool) -> (usize, Vec<usize>) {
    let (mut caught, mut missed) = (0, Vec::new());
    let code = code_of(text);
    for (at, _) in text.char_indices().filter(|(at, letter)| BRACKETS.contains(letter) && code[*at]) {
        let mut broken = text.to_owned();
        broken.remove(at);
        // Some of them leave right syntax with a strange command in it, such as `string]`: then the law catches it.
        if !script::faults(&broken, law, data).is_empty() {
            caught += 1;
        } else {
            missed.push(text[..at].lines().count());
        }
    }
    (caught, missed)
}

/// For each byte whether it is code: not in a comment, and not in a string.
fn code_of(text: &str) -> Vec<bool> {
    let bytes = text.as_bytes();
    let (mut code, mut at) = (vec![true; bytes.len()], 0);
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("<#") {
            rest.find("#>").map_or(bytes.len(), |length| at + length + 2)
        } else if rest.starts_with('#') {
            rest.find('\n').map_or(bytes.len(), |length| at + length)
        } else if let Some(quote) = rest.chars().next().filter(|letter| ['\'', '"'].contains(letter)) {
            rest[1..].find(quote).map_or(bytes.len(), |length| at + length + 2)
        } else {
            at += 1;
            continue;
        };
        code[at..end].fill(false);
        at = end;
    }
    code
}
