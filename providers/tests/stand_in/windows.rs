//! Windows' answers, as OpenLDAP's ldapsearch and ldapmodify read them: whatever the two sides of our own could agree
//! on in error, somebody else's client does not.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64_text::encode;
use jiff::{SignedDuration, Timestamp};
use providers::lab::ldaps::{Options, serve};
use providers::lab::{FineGrainedPlan, Lab, LabSetting, Mark, WorldPlan};
use providers::port::{Directory, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bench::{ACCOUNT, Bench, DC1, DC2, DN, FIRST, ROTATOR_PASSWORD, plan};

const SECOND: &str = "Second-Candidate-2-for-the-test";
const ROTATOR: (&str, &str) = ("rotator@contoso.test", ROTATOR_PASSWORD);
const SOMEBODY: (&str, &str) = ("CONTOSO\\somebody", "Somebody-Password-9");
const ADMINISTRATOR: (&str, &str) = ("CN=administrator,CN=Users,DC=contoso,DC=test", "Administrator-Password-8");
const NOBODY: (&str, &str) = ("", "");

mod base64_text {
    /// LDIF's form of bytes.
    pub(crate) fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let group = chunk.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let digit = DIGITS[(group >> (18 - 6 * place)) as usize & 63];
                text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
            }
        }
        text
    }
}

/// What a client of OpenLDAP said.
#[derive(Debug)]
struct Said {
    /// LDAP's result code, by which these programs end.
    code: i32,
    out: String,
    err: String,
}

/// Runs one of OpenLDAP's programs in a thread of its own, so that the server goes on.
async fn client(bench: &Bench, program: &str, (name, password): (&str, &str), rest: &[&str], input: &str) -> Said {
    client_at(bench, DC1, program, (name, password), rest, input).await
}

async fn client_at(
    bench: &Bench,
    dc: &str,
    program: &str,
    (name, password): (&str, &str),
    rest: &[&str],
    input: &str,
) -> Said {
    let url = format!("ldaps://{dc}:{}", bench.serving.port());
    let word = bench.dir.path().join(format!("password-{}", rest.len()));
    write_secret(&word, password);
    let mut command = Command::new(program);
    command.env("LDAPTLS_CACERT", bench.serving.ca_file()).env("LDAPTLS_REQCERT", "demand");
    command.args(["-x", "-H", &url, "-o", "nettimeout=5"]);
    if !name.is_empty() {
        command.args(["-D", name, "-y"]).arg(&word);
    }
    command.args(rest).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let program = program.to_owned();
    let output: Output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{program} does not start ({error}): it is in the package ldap-utils, which tests/install puts there"
            )
        });
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    })
    .await
    .expect("the thread ends");
    Said {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A password in a file for its owner alone: these programs warn of any other.
fn write_secret(file: &Path, password: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.create(true).truncate(true).write(true).mode(0o600).open(file);
    opened.and_then(|mut opened| opened.write_all(password.as_bytes())).expect("it is written");
}

async fn search(bench: &Bench, who: (&str, &str), rest: &[&str]) -> Said {
    client(bench, "ldapsearch", who, &[&["-LLL", "-o", "ldif-wrap=no"], rest].concat(), "").await
}

async fn modify(bench: &Bench, who: (&str, &str), ldif: &str) -> Said {
    client(bench, "ldapmodify", who, &[], ldif).await
}

fn quoted(password: &str) -> String {
    let utf16: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    encode(&utf16)
}

fn reset(value: &str) -> String {
    format!("dn: {DN}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {value}\n")
}

fn change(dn: &str, old: &str, new: &str) -> String {
    format!(
        "dn: {dn}\nchangetype: modify\ndelete: unicodePwd\nunicodePwd:: {}\n-\nadd: unicodePwd\nunicodePwd:: {}\n",
        quoted(old),
        quoted(new)
    )
}

/// `code` is LDAP's; `words` stand in what the client prints.
#[track_caller]
fn says(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, code, "{said:?}");
    for word in words {
        assert!(said.err.contains(word) || said.out.contains(word), "{word} is missing in {said:?}");
    }
}

#[tokio::test]
async fn the_root_entry_is_for_everybody_and_the_rest_is_not() {
    let bench = Bench::new().await;
    let root = search(&bench, NOBODY, &["-s", "base", "-b", "", "(objectClass=*)"]).await;
    says(
        &root,
        0,
        &[
            "defaultNamingContext: DC=contoso,DC=test",
            "configurationNamingContext: CN=Configuration,DC=contoso,DC=test",
            "rootDomainNamingContext: DC=contoso,DC=test",
            "dnsHostName: 127.0.0.2",
            "supportedLDAPVersion: 3",
            "dsServiceName: CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,",
        ],
    );
    let clock = root.out.lines().find_map(|line| line.strip_prefix("currentTime: ")).unwrap();
    assert!(clock.len() == 17 && clock.ends_with(".0Z"), "{clock}");
    let head = search(&bench, NOBODY, &["-s", "base", "-b", "DC=contoso,DC=test"]).await;
    says(&head, 1, &["000004DC", "successful bind must be completed"]);
    let write = modify(&bench, NOBODY, &reset(&quoted(SECOND))).await;
    says(&write, 1, &["000004DC"]);
}

#[tokio::test]
async fn the_tree_shows_the_model() {
    let bench = Bench::new().await;
    let head = search(&bench, SOMEBODY, &["-s", "base", "-b", "dc=Contoso, dc=TEST"]).await;
    says(
        &head,
        0,
        &[
            "minPwdLength: 7",
            "pwdProperties: 1",
            "lockoutThreshold: 10",
            "lockOutObservationWindow: -9000000000",
            "lockoutDuration: -9000000000",
            "fSMORoleOwner: CN=NTDS Settings,CN=DC1,",
            "objectSid:: ",
        ],
    );
    let account = search(
        &bench,
        SOMEBODY,
        &[
            "-b",
            "DC=contoso,DC=test",
            "(&(objectClass=user)(sAMAccountName=msol_1A2B3C4D5E6F))",
            "*",
            "msDS-KeyVersionNumber",
            "msDS-User-Account-Control-Computed",
            "tokenGroups",
        ],
    )
    .await;
    says(
        &account,
        0,
        &[
            &format!("dn: {DN}"),
            "userAccountControl: 66048",
            "msDS-KeyVersionNumber: 2",
            "msDS-User-Account-Control-Computed: 0",
            "badPwdCount: 0",
            "accountExpires: 9223372036854775807",
            "userPrincipalName: MSOL_1a2b3c4d5e6f@contoso.test",
            "# refldap://contoso.test/CN=Configuration,DC=contoso,DC=test",
        ],
    );
    assert!(!account.out.contains("tokenGroups"), "they are told at the object itself only: {account:?}");
    let alone = search(&bench, SOMEBODY, &["-s", "base", "-b", DN]).await;
    assert!(!alone.out.contains("msDS-Key") && !alone.out.contains("unicodePwd"), "{alone:?}");
    let partitions = search(
        &bench,
        SOMEBODY,
        &["-b", "CN=Partitions,CN=Configuration,DC=contoso,DC=test", "(&(objectClass=crossRef)(nETBIOSName=contoso))"],
    )
    .await;
    says(&partitions, 0, &["nCName: DC=contoso,DC=test", "dnsRoot: contoso.test"]);
    let flagged = search(
        &bench,
        SOMEBODY,
        &["-b", "DC=contoso,DC=test", "(&(userAccountControl:1.2.840.113556.1.4.803:=65536)(!(cn=rotator)))", "1.1"],
    )
    .await;
    assert_eq!(flagged.out.matches("dn: ").count(), 3, "{flagged:?}");
    let limited = search(&bench, SOMEBODY, &["-z", "1", "-b", "DC=contoso,DC=test", "(objectClass=user)", "1.1"]).await;
    assert_eq!((limited.code, limited.out.matches("dn: ").count()), (4, 1), "{limited:?}");
}

#[tokio::test]
async fn what_is_not_here_is_refused_or_referred_as_windows_does() {
    let plan = WorldPlan { child_domain: Some("child".to_owned()), ..plan() };
    let bench = Bench::with(&plan, &Options::default()).await;
    let none = search(&bench, SOMEBODY, &["-s", "base", "-b", "CN=x,OU=Entra Connect,DC=contoso,DC=test"]).await;
    says(&none, 32, &["0000208D: NameErr", "best match of:", "'OU=Entra Connect,DC=contoso,DC=test'"]);
    let child = search(&bench, SOMEBODY, &["-s", "base", "-b", "CN=x,DC=child,DC=contoso,DC=test"]).await;
    says(&child, 10, &["0000202B: RefErr", "ref 1: 'child.contoso.test'", "ldap://child.contoso.test/CN=x,DC=child,"]);
    let dn = "CN=x,DC=child,DC=contoso,DC=test";
    let write = modify(&bench, ADMINISTRATOR, &reset(&quoted(SECOND)).replace(DN, dn)).await;
    says(&write, 10, &["0000202B: RefErr"]);
    let nonsense = search(&bench, SOMEBODY, &["-s", "base", "-b", "CN=x,nonsense"]).await;
    says(&nonsense, 34, &["BAD_NAME"]);
    let part = search(&bench, SOMEBODY, &["-b", "DC=contoso,DC=test", "(cn=MSOL*)"]).await;
    says(&part, 53, &["does not offer"]);
    let control = search(&bench, SOMEBODY, &["-E", "!1.2.3.4=:x", "-s", "base", "-b", ""]).await;
    says(&control, 12, &["00002040"]);
}

#[tokio::test]
async fn a_reset_needs_its_right_and_obeys_the_policy_and_no_history() {
    let bench = Bench::new().await;
    let before = bench.print(DC1).await;
    says(
        &modify(&bench, SOMEBODY, &reset(&quoted(SECOND))).await,
        50,
        &["00000005: SecErr", "4003 (INSUFF_ACCESS_RIGHTS)"],
    );
    let weak = modify(&bench, ROTATOR, &reset(&quoted("short"))).await;
    says(&weak, 53, &["0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0"]);
    for odd in [encode(b"\"not UTF-16\""), encode(&[0x41, 0]), encode(b"x")] {
        says(&modify(&bench, ROTATOR, &reset(&odd)).await, 53, &["0000001F: SvcErr", "5003 (WILL_NOT_PERFORM)"]);
        says(&modify(&bench, SOMEBODY, &reset(&odd)).await, 50, &["00000005: SecErr"]);
    }
    assert!(bench.print(DC1).await.same_set(&before), "something was set");
    // The rotator may reset the connector account and nobody else.
    let other = "CN=somebody,CN=Users,DC=contoso,DC=test";
    says(&modify(&bench, ROTATOR, &reset(&quoted(SECOND)).replace(DN, other)).await, 50, &["00000005: SecErr"]);
    says(&modify(&bench, ADMINISTRATOR, &reset(&quoted(SECOND)).replace(DN, other)).await, 0, &[]);
    for password in [SECOND, FIRST, FIRST] {
        says(&modify(&bench, ROTATOR, &reset(&quoted(password))).await, 0, &[]);
    }
    assert_eq!(bench.print(DC1).await.key_version, before.key_version + 3);
}

#[tokio::test]
async fn a_change_obeys_history_and_age_and_wants_the_old_password() {
    let plan = WorldPlan { minimum_age_minutes: 60, ..plan() };
    let bench = Bench::with(&plan, &Options::default()).await;
    let me = (DN, FIRST);
    says(&modify(&bench, me, &change(DN, "Not-the-old-password-1", SECOND)).await, 19, &["00000056: AtrErr"]);
    says(&modify(&bench, me, &change(DN, FIRST, FIRST)).await, 19, &["0000052D: AtrErr", "Att 9005a (unicodePwd)"]);
    says(&modify(&bench, me, &change(DN, FIRST, "weak")).await, 19, &["0000052D: AtrErr"]);
    says(&modify(&bench, me, &change(DN, FIRST, SECOND)).await, 0, &[]);
    let me = (DN, SECOND);
    says(&modify(&bench, me, &change(DN, SECOND, "A-third-password-3")).await, 19, &["0000052D: AtrErr"]);
    bench.pass(SignedDuration::from_hours(1));
    says(&modify(&bench, me, &change(DN, SECOND, "A-third-password-3")).await, 0, &[]);
    says(&modify(&bench, me, &reset(&quoted(SECOND))).await, 50, &["00000005: SecErr"]);
}

#[tokio::test]
async fn a_logon_is_refused_with_windows_numbers() {
    let bench = Bench::new().await;
    let root = ["-s", "base", "-b", "", "dnsHostName"];
    for name in [DN, "msol_1a2b3c4d5e6f@contoso.test", r"CONTOSO\MSOL_1a2b3c4d5e6f", r"contoso.test\msol_1a2b3c4d5e6f"]
    {
        says(&search(&bench, (name, FIRST), &root).await, 0, &["dnsHostName: 127.0.0.2"]);
    }
    let logon = |said: &Said, data: &str| says(said, 49, &["80090308: LdapErr", &format!("data {data}, v4563")]);
    for name in [DN, "nobody@contoso.test", r"OTHER\MSOL_1a2b3c4d5e6f", ACCOUNT] {
        logon(&search(&bench, (name, "Wrong-password-0"), &root).await, "52e");
    }
    for (mark, undo, data) in [
        (Mark::Disabled(true), Mark::Disabled(false), "533"),
        (Mark::Expired(true), Mark::Expired(false), "701"),
        (Mark::MustChange(true), Mark::MustChange(false), "773"),
        (Mark::PasswordExpires(true), Mark::PasswordExpires(false), "532"),
        (Mark::Locked(true), Mark::Locked(false), "775"),
    ] {
        bench.lab.mark(ACCOUNT, mark).unwrap();
        logon(&search(&bench, (DN, FIRST), &root).await, data);
        let wrong = if data == "775" { data } else { "52e" };
        logon(&search(&bench, (DN, "Wrong-password-0"), &root).await, wrong);
        bench.lab.mark(ACCOUNT, undo).unwrap();
        says(&search(&bench, (DN, FIRST), &root).await, 0, &[]);
    }
    for data in ["525", "530", "531"] {
        bench.fault(&format!("ldaps:bind:data:{data}"));
        logon(&search(&bench, (DN, FIRST), &root).await, data);
    }
}

#[tokio::test]
async fn replication_of_one_object_needs_its_right_and_a_source() {
    let bench = Bench::new().await;
    bench.lab.set_lag(DC2, u32::MAX).unwrap();
    bench.rotator().set_password(DN, DC1, &Secret::new(SECOND)).await.unwrap();
    let dsa = |number| {
        format!(
            "CN=NTDS Settings,CN=DC{number},CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,DC=contoso,\
             DC=test"
        )
    };
    let order = |value: &str| {
        format!("dn:\nchangetype: modify\nreplace: replicateSingleObject\nreplicateSingleObject: {value}\n")
    };
    let right = format!("{}:{DN}", dsa(1));
    let at_second = async |who, value: &str| client_at(&bench, DC2, "ldapmodify", who, &[], &order(value)).await;
    says(&at_second(SOMEBODY, &right).await, 50, &["00002098: SecErr"]);
    for wrong in [DN.to_owned(), format!("{}:{DN}", dsa(7)), format!("{}:CN=x,DC=contoso,DC=test", dsa(1))] {
        says(&at_second(ROTATOR, &wrong).await, 1, &["0000208D"]);
    }
    assert_eq!(bench.print(DC2).await.key_version, 2);
    says(&at_second(ROTATOR, &right).await, 0, &[]);
    assert!(bench.print(DC2).await.same_set(&bench.print(DC1).await));
}

#[tokio::test]
async fn a_fine_grained_policy_shows_its_values_to_those_who_may_read_them() {
    let fine = FineGrainedPlan { name: "Services".to_owned(), length_min: 30, lockout_threshold: 3 };
    let bench = Bench::with(&WorldPlan { fine_grained: Some(fine), ..plan() }, &Options::default()).await;
    let policy = "CN=Services,CN=Password Settings Container,CN=System,DC=contoso,DC=test";
    let named = search(&bench, SOMEBODY, &["-s", "base", "-b", DN, "msDS-ResultantPSO"]).await;
    says(&named, 0, &[&format!("msDS-ResultantPSO: {policy}")]);
    says(&search(&bench, SOMEBODY, &["-s", "base", "-b", policy]).await, 32, &["0000208D"]);
    says(&search(&bench, ROTATOR, &["-s", "base", "-b", policy]).await, 0, &["msDS-MinimumPasswordLength: 30"]);
    let facts = bench.facts().await;
    assert_eq!((facts.policy.length_min, facts.policy.source.as_str()), (30, policy));
    let facts = bench.somebody().account(ACCOUNT).await.unwrap();
    assert!(facts.policy.length_min > 30 && facts.warnings[0].contains(policy), "{facts:?}");
    says(&modify(&bench, ROTATOR, &reset(&quoted("Long-but-not-for-this-policy"))).await, 53, &["0000052D"]);
    // Three wrong passwords, as this policy says, and it is locked; a write of lockoutTime unlocks it.
    for _ in 0..3 {
        says(&search(&bench, (DN, "Wrong-password-0"), &["-s", "base", "-b", ""]).await, 49, &["data 52e"]);
    }
    says(&search(&bench, (DN, FIRST), &["-s", "base", "-b", ""]).await, 49, &["data 775"]);
    let locked = search(&bench, SOMEBODY, &["-s", "base", "-b", DN, "msDS-User-Account-Control-Computed"]).await;
    says(&locked, 0, &["msDS-User-Account-Control-Computed: 16"]);
    let unlock = format!("dn: {DN}\nchangetype: modify\nreplace: lockoutTime\nlockoutTime: 0\n");
    says(&modify(&bench, SOMEBODY, &unlock).await, 50, &["00002098"]);
    says(&modify(&bench, ADMINISTRATOR, &unlock).await, 0, &[]);
    says(&search(&bench, (DN, FIRST), &["-s", "base", "-b", ""]).await, 0, &[]);
}

#[tokio::test]
async fn a_controller_may_have_a_name_and_speaks_nothing_but_tls() {
    let named = WorldPlan { controller_hosts: vec!["localhost".to_owned()], ..plan() };
    let bench = Bench::with(&named, &Options::default()).await;
    // By the adapter: OpenLDAP puts the machine's own name in the place of this one.
    assert_eq!(bench.facts().await.dc, "localhost");
    let mut plain = tokio::net::TcpStream::connect(("localhost", bench.serving.port())).await.unwrap();
    // A search of the root entry, in clear.
    let request = b"\x30\x25\x02\x01\x01\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x00";
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), plain.read_to_end(&mut answer)).await.expect("it hangs");
    assert_ne!(answer.first(), Some(&0x30), "LDAP in clear: {answer:?}");
    let elsewhere = WorldPlan { controller_hosts: vec!["192.0.2.1".to_owned()], ..plan() };
    let dir = tempfile::tempdir().unwrap();
    Lab::create(dir.path(), &elsewhere).unwrap();
    let setting = LabSetting { now: Arc::new(Timestamp::now), end_process: Arc::new(|| {}), latency: None };
    let lab = Lab::open(dir.path(), setting).unwrap();
    let fault = serve(&lab, &Options::default()).await.expect_err("it is not this machine alone");
    assert!(fault.cause.contains("192.0.2.1, which is not this machine alone"), "{fault}");
}

#[tokio::test]
async fn who_am_i_knows_who_logged_on() {
    let bench = Bench::new().await;
    says(&client(&bench, "ldapwhoami", SOMEBODY, &[], "").await, 0, &[r"u:CONTOSO\somebody"]);
    says(&client(&bench, "ldapwhoami", NOBODY, &[], "").await, 0, &["anonymous"]);
}
