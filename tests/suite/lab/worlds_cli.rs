//! Named worlds, as an operator asks for them.

use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;

use super::Lab;

#[test]
fn every_world_is_listed_with_what_it_is() {
    let lab = Lab::new();
    let listed = lab.run("lab worlds --format json").json();
    assert_eq!(listed["schema"], 1);
    let worlds = listed["worlds"].as_array().expect("worlds");
    assert!(worlds.len() >= 30, "{listed}");
    let table = lab.run("lab worlds").stdout;
    for world in worlds {
        let (name, what) = (world["name"].as_str().expect("a name"), world["what"].as_str().expect("a sentence"));
        assert!(
            table.lines().any(|line| line.trim_start().starts_with(name) && line.ends_with(what)),
            "{name} is not in:\n{table}"
        );
    }
    assert!(!lab.dir().exists(), "listing worlds made a lab");
}

#[test]
fn a_world_is_made_once_and_a_folder_keeps_its_world() {
    let lab = Lab::new();
    let planned = lab.run("plan --lab --lab-world active-and-staging --all --format json");
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert!(planned.stdout.contains("engine:SYNC2/contoso.test"), "{}", planned.stdout);
    let other = lab.run("plan --lab --lab-world single-dc --all");
    assert_eq!(other.code, Some(2));
    for word in ["active-and-staging", "single-dc", "next step"] {
        assert!(other.stderr.contains(word), "no {word} in: {}", other.stderr);
    }
    assert_eq!(lab.run("lab show --lab-world single-dc").code, Some(2));
    assert_eq!(lab.run("lab show --lab-world active-and-staging").code, Some(0));
    assert_eq!(lab.run("plan --lab --all").code, Some(0), "the folder's own world");
}

#[test]
fn a_wrong_name_is_told_and_makes_nothing() {
    let lab = Lab::new();
    for command in ["plan --lab --lab-world nowhere --all", "lab init --world nowhere"] {
        let refused = lab.run(command);
        assert_eq!(refused.code, Some(2), "{command}");
        assert!(refused.stderr.contains("no world nowhere") && refused.stderr.contains("lab worlds"), "{refused:?}");
    }
    let contradiction = lab.run("lab init --world single-dc --staging-servers 1");
    assert_eq!(contradiction.code, Some(2), "{contradiction:?}");
    let without = lab.run("plan --lab-world single-dc --all");
    assert_eq!(without.code, Some(2));
    assert!(without.stderr.contains("--lab"), "{}", without.stderr);
    assert!(!lab.dir().exists(), "a refused command made a lab");
}

#[test]
fn looking_at_no_lab_makes_none() {
    let lab = Lab::new();
    let commands = ["lab show", "lab set-password --account MSOL_1a2b3c4d5e6f", "lab operator swap-roles"];
    for command in commands {
        let refused = lab.run(command);
        assert_eq!(refused.code, Some(2), "{command}");
        assert!(refused.stderr.contains("there is no lab") && refused.stderr.contains("lab init"), "{refused:?}");
        assert!(!lab.dir().exists(), "{command} made a lab");
    }
    lab.order("look-fails");
    assert_eq!(lab.run("lab show").code, Some(0), "an order makes the default lab");
}

#[test]
fn a_named_world_has_a_folder_of_its_own() {
    let lab = Lab::new();
    let run = |words: &str| {
        let mut command = Command::new(cargo_bin("entra-rotator"));
        command.args(words.split_whitespace()).env("XDG_STATE_HOME", lab.dir()).stdin(Stdio::null());
        command.output().expect("it runs").status.code()
    };
    assert_eq!(run("plan --lab --lab-world unconfigured-server --all"), Some(0));
    assert_eq!(run("plan --lab --lab-world single-dc --all"), Some(0));
    for folder in ["lab-unconfigured-server", "lab-single-dc"] {
        assert!(lab.dir().join("entra-rotator").join(folder).join("world.json").is_file(), "{folder}");
    }
}

#[test]
fn an_operator_types_what_the_vault_holds() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init --world broken-before").code, Some(0));
    lab.expect("directory=p1 current=p1 engine=p2", "broken before");
    let typed = lab.run("lab operator enter-password --server SYNC1 --connector contoso.test");
    assert_eq!(typed.code, Some(0), "{}", typed.stderr);
    lab.expect("directory=p1 current=p1 engine=p1", "typed");
    let wrong = lab.run("lab operator enter-password --server SYNC9 --connector contoso.test");
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert_eq!(lab.run("lab operator swap-roles").code, Some(2), "there is one server");
    assert_eq!(lab.run("lab operator scheduler --enabled false").code, Some(0));
    assert_eq!(lab.run("lab show --format json").json()["scheduler"]["enabled"], false);
}
