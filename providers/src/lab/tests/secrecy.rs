use super::*;
use crate::port::Slot;

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// After a lot has happened, only the vault's file holds a clear password.
#[tokio::test]
async fn no_file_but_the_vaults_holds_a_password() {
    let bench = Bench::new();
    for name in ["stage-reply-lost", "proof-fails", "look-fails"] {
        bench.fault(name);
    }
    let (first, dn) = (bench.first().await, bench.dn().await);
    let _ = bench.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await;
    bench.set(&password(2)).await;
    assert!(bench.directory().set_password(&dn, DC1, &Secret::new("MSOL_1a2b3c4d5e6f-Is-Refused")).await.is_err());
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    bench.accepted(DC1, &password(5)).await;
    bench.proof().await;
    let _ = in_step("look:stage", bench.vault().find(ACCOUNT, Slot::Pending)).await;
    bench.lab.set_password(ACCOUNT, "engine:SYNC1/contoso.test", Some(password(4))).unwrap();

    let secrets = [first, password(2), password(4), password(5), Secret::new("MSOL_1a2b3c4d5e6f-Is-Refused")];
    for file in ["world.json", "requests.log", "faults.json"] {
        let bytes = std::fs::read(bench.dir.join(file)).unwrap();
        assert!(bytes.len() > 20, "{file} is too short to say anything");
        assert!(secrets.iter().all(|secret| !contains(&bytes, secret.expose())), "{file} holds a password");
    }
    // The same search does find them where they belong.
    let vault = std::fs::read(bench.dir.join("vault.json")).unwrap();
    assert!(contains(&vault, secrets[0].expose()) && contains(&vault, secrets[1].expose()));
    let shown = serde_json::to_vec(&bench.truth()).unwrap();
    assert!(secrets.iter().all(|secret| !contains(&shown, secret.expose())));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_reads_the_vaults_file() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let mode = |dir: &Path| std::fs::metadata(dir.join("vault.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.dir), 0o600);
    bench.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    assert_eq!(mode(&bench.dir), 0o600);
}

#[tokio::test]
async fn the_log_tells_every_request_with_its_step_and_answer() {
    let bench = Bench::new();
    bench.fault("engine-refuses");
    let server = bench.server();
    let step = "engine:SYNC1/contoso.test";
    let _ = in_step(step, server.set_connector_password(CONNECTOR, &password(2))).await;
    server.describe().await.unwrap();
    let lines = lines(&bench.dir);
    let [refused, described] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(refused["holder"], "SYNC1");
    assert_eq!(refused["operation"], "set_connector_password contoso.test");
    assert_eq!(refused["step"], step);
    assert!(refused["answer"].as_str().unwrap().starts_with("refused: "));
    assert_eq!((&described["operation"], &described["answer"]), (&"describe".into(), &"ok".into()));
    assert_eq!(described["time"], "2026-11-21T10:00:00Z");
}

/// Several handles act on one world at once, and nothing is lost.
#[test]
fn requests_of_several_processes_do_not_overwrite_each_other() {
    let bench = Bench::new();
    let (handles, sets) = (4, 15);
    side_by_side(&bench, handles, |lab, number| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let dn = lab.directory().account(ACCOUNT).await.unwrap().dn;
            for set in 0..sets {
                lab.directory().set_password(&dn, DC1, &password(number * 100 + set)).await.unwrap();
            }
        });
    });
    let wanted = u64::from(handles * sets);
    assert_eq!(bench.counter("directory-writes"), wanted);
    let print =
        bench.lab.books(|books| Ok(books.world.domain("testing")?.controllers[0].replicas[ACCOUNT].key_version));
    assert_eq!(print.unwrap(), 2 + i64::try_from(wanted).unwrap());
    let live = bench.label("directory").unwrap();
    assert_eq!(lines(&bench.dir).len(), usize::try_from(wanted).unwrap() + 4);
    assert!(live.starts_with('p'));
}

#[tokio::test]
async fn the_lab_has_no_credential_of_its_own_and_says_so() {
    let bench = Bench::new();
    for own in [bench.directory().own_credential().await.unwrap(), bench.vault().own_credential().await.unwrap()] {
        assert_eq!((own.kind.as_str(), own.set_at, own.expires_at), ("none", None, None));
        assert!(own.note.contains("no credential"), "{own:?}");
    }
}
