//! What needs no server; the rest is in tests/ssh.

use super::known_hosts::KnownHosts;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// What `ssh-keygen -H` made of `connect1`.
const HASHED: &str = "|1|GJJ2frjJC7OfJ4OFz9OlqEehMXY=|2ogMV973n7OViNe6kET1A7GQhbU=";

fn is_known(hosts: &str, host: &str, port: u16) -> bool {
    !KnownHosts::parse(&format!("{hosts} {KEY} a comment\r\n"), "file", host, port).kinds().is_empty()
}

#[test]
fn a_line_names_a_host_as_openssh_reads_it() {
    for (hosts, host, port) in [
        ("connect1", "connect1", 22),
        ("connect1", "CONNECT1", 22),
        ("Connect1", "connect1", 22),
        ("other,connect1,10.0.0.1", "connect1", 22),
        ("[connect1]:2222", "connect1", 2222),
        ("*.corp.example", "connect1.corp.example", 22),
        ("connect?.corp.*", "connect1.corp.example", 22),
        ("*c*o*n*", "xxcxxoxxnxx", 22),
        ("2001:db8::1", "2001:DB8::1", 22),
        (HASHED, "connect1", 22),
    ] {
        assert!(is_known(hosts, host, port), "{hosts} is {host}:{port}");
    }
    for (hosts, host, port) in [
        ("connect1", "connect", 22),
        ("connect1", "connect12", 22),
        ("connect1", "connect1", 2222),
        ("[connect1]:2222", "connect1", 22),
        ("[connect1]:22", "connect1", 22),
        ("*.corp.example", "corp.example", 22),
        ("connect?", "connect", 22),
        ("*,!connect1", "connect1", 22),
        ("#connect1", "connect1", 22),
        ("*c*o*n*", "no", 22),
        (HASHED, "connect2", 22),
        ("|1|rubbish", "connect1", 22),
    ] {
        assert!(!is_known(hosts, host, port), "{hosts} is not {host}:{port}");
    }
}

#[test]
fn a_pattern_full_of_stars_takes_no_time() {
    assert!(!is_known(&format!("{}b", "a*".repeat(2000)), &"a".repeat(4000), 22));
}
