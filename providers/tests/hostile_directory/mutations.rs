//! Answers that are broken in thousands of ways. None may panic, none may be waited for, and none may make a set that was
//! sent look undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use providers::port::{Fault, Meaning};

use crate::bytes::{bound, element, entry, message, modified, searched};
use crate::server::{self, BIND, MODIFY, SEARCH, Session};
use crate::world::{World, fault};

const SOON: Duration = Duration::from_secs(5);
/// Answers of each kind, each on a connection of its own.
const TRIES: u32 = 700;
const SEED: u64 = 0x5eed_0fad;

/// Answers logons, and everything else with what it is told.
async fn answer(mut session: Session, odd: impl Fn(u8, u8) -> Vec<u8>) {
    while let Some((id, kind)) = session.request().await {
        let bytes = odd(id, kind);
        if session.send(&bytes).await.is_none() {
            return;
        }
        if kind != BIND || bytes != bound(id, 0, "") {
            // Nothing more is to come: what is not whole now never will be.
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut session.stream).await;
            return;
        }
    }
}

/// What stands in the answer's place, by the number of the request.
type Odd = Box<dyn Fn(u8) -> Vec<u8> + Send + Sync>;

#[tokio::test]
async fn answers_that_are_no_answers() {
    let mut brackets: Vec<u8> = Vec::new();
    for _ in 0..40_000 {
        let length = u32::try_from(brackets.len()).expect("a quarter of a megabyte");
        brackets.extend(length.to_le_bytes());
        brackets.extend([0x84, 0x30]);
    }
    brackets.reverse();
    let nonsense: Vec<(&str, Odd)> = vec![
        ("brackets without end", Box::new(move |_| brackets.clone())),
        ("an indefinite length", Box::new(|id| [b"\x30\x80\x02\x01", &[id][..], b"\x67\x80\x00\x00\x00\x00"].concat())),
        ("another number", Box::new(|id| modified(id + 1, 0, ""))),
        ("no number", Box::new(|_| element(0x30, b""))),
        ("a negative number", Box::new(|_| element(0x30, &[element(2, &[0xff]), element(0x67, b"")].concat()))),
        ("an answer to another request", Box::new(|id| bound(id, 0, ""))),
        ("the end of a search", Box::new(|id| searched(id, 0))),
        ("an unknown operation", Box::new(|id| message(id, &element(0x6f, b"")))),
        ("a request", Box::new(|id| message(id, &element(0x66, b"")))),
        ("no code", Box::new(|id| message(id, &element(0x67, b"")))),
        ("a code of nine bytes", Box::new(|id| message(id, &element(0x67, &element(10, &[0; 9]))))),
        ("no text", Box::new(|id| message(id, &element(0x67, &element(10, &[0]))))),
        ("another protocol", Box::new(|_| b"HTTP/1.1 200 OK\r\n\r\n".to_vec())),
        ("a tag in many bytes", Box::new(|_| vec![0x3f, 0xff, 0xff, 0x7f, 0])),
        ("zeros", Box::new(|_| vec![0; 64])),
    ];
    for (name, odd) in nonsense {
        println!("{name}:");
        let odd = Arc::new(odd);
        let (world, _server) = server::world(move |session| {
            let odd = Arc::clone(&odd);
            async move {
                answer(session, |id, kind| if kind == BIND { bound(id, 0, "") } else { odd(id) }).await;
            }
        })
        .await;
        fault(world.set(), Meaning::Unclear, SOON).await;
        if name != "the end of a search" {
            fault(world.read(), Meaning::Broken, SOON).await;
        }
    }
}

#[tokio::test]
async fn words_in_an_unknown_encoding_are_still_an_answer() {
    let (world, _server) = server::world(|session| {
        answer(session, |id, kind| {
            if kind == BIND {
                return bound(id, 0, "");
            }
            let text = element(4, b"0000052D: zu kurz f\xfcr die Dom\xe4ne\n\0");
            message(id, &element(0x67, &[element(10, &[53]), element(4, b""), text].concat()))
        })
    })
    .await;
    let fault = fault(world.set(), Meaning::Refused, SOON).await;
    assert!(fault.cause.contains("0000052D"), "{fault}");
}

/// Small, fast, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits") % limit
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("it is one")
    }

    /// One to three changes: a bit, a byte, a piece taken out, doubled, or of something else.
    fn mutate(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                bytes.push(self.byte());
            }
            let at = self.below(bytes.len());
            let end = at + self.below(bytes.len() - at + 1);
            match self.below(7) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.byte(),
                2 => drop(bytes.drain(at..end)),
                3 => bytes.truncate(at),
                4 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                5 => bytes.insert(at, self.byte()),
                // Lengths are the tender spots.
                _ => bytes[at] = [0, 0x7f, 0x80, 0x81, 0x84, 0x85, 0xfe, 0xff][self.below(8)],
            }
        }
        bytes
    }
}

fn counts_panics() -> &'static AtomicU32 {
    static PANICS: AtomicU32 = AtomicU32::new(0);
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            usual(panic);
        }));
    });
    &PANICS
}

/// A world whose server answers requests of `kind` with a broken form of the right answer, another each time.
async fn mutating(kind: u8, right: fn(u8) -> Vec<u8>) -> (World, server::Server) {
    let number = Arc::new(AtomicU32::new(0));
    server::world(move |session| {
        let number = Arc::clone(&number);
        async move {
            let mut dice = Dice(SEED ^ u64::from(number.fetch_add(1, Ordering::SeqCst)) << 32 | u64::from(kind));
            let seed = dice.below(usize::MAX >> 40);
            answer(session, move |id, asked| match asked {
                asked if asked == kind => Dice(SEED + 1 + seed as u64).mutate(right(id)),
                BIND => bound(id, 0, ""),
                SEARCH => [entry(id, "CN=x", &[("cn", "x")]), searched(id, 0)].concat(),
                _ => modified(id, 0, ""),
            })
            .await;
        }
    })
    .await
}

/// A fault either quotes the server, or is what no answer means.
fn is_honest(fault: &Fault, quotes: &[&str], without_answer: &[Meaning]) {
    let quoted = quotes.iter().any(|quote| fault.cause.contains(quote));
    assert!(quoted || without_answer.contains(&fault.meaning), "{}: {fault}", fault.meaning);
}

#[tokio::test]
async fn broken_answers_to_a_set() {
    let panics = counts_panics();
    let (world, _server) = mutating(MODIFY, |id| modified(id, 0, "")).await;
    let (refusing, _other) = mutating(MODIFY, |id| modified(id, 53, "0000052D: SvcErr: DSID-031A12D2, data 0")).await;
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..TRIES {
        for world in [&world, &refusing] {
            let result = tokio::time::timeout(SOON, world.set()).await.expect("it ends in time");
            let meaning = match &result {
                Ok(()) => "done".to_owned(),
                Err(fault) => {
                    // The server has the request: nothing but its own words may say that it was not done.
                    is_honest(fault, &["LDAP "], &[Meaning::Unclear]);
                    assert!(fault.meaning != Meaning::Broken, "{fault}");
                    fault.meaning.to_string()
                }
            };
            *seen.entry(meaning).or_insert(0) += 1;
        }
    }
    println!("{seen:?}");
    assert!(seen["unclear"] > TRIES && seen.contains_key("refused"), "{seen:?}");
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn broken_answers_to_a_logon() {
    let panics = counts_panics();
    let right = |id| bound(id, 49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e");
    let (world, _server) = mutating(BIND, right).await;
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..TRIES {
        let result = tokio::time::timeout(SOON, world.accepts()).await.expect("it ends in time");
        let meaning = match &result {
            Ok(accepted) => accepted.to_string(),
            Err(fault) => {
                // A barred logon is quoted by its number alone: `(533)`.
                is_honest(fault, &["LDAP ", " (5", " (7"], &[Meaning::Later, Meaning::Broken]);
                assert!(fault.meaning != Meaning::Unclear, "a logon changes nothing: {fault}");
                fault.meaning.to_string()
            }
        };
        *seen.entry(meaning).or_insert(0) += 1;
    }
    println!("{seen:?}");
    assert!(seen["broken"] > 50 && seen["later"] > 50, "{seen:?}");
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn broken_answers_to_a_search() {
    let panics = counts_panics();
    let right = |id| {
        let attributes = [("msDS-KeyVersionNumber", "7"), ("pwdLastSet", "133000000000000000"), ("cn", "svc")];
        [entry(id, "CN=svc,DC=contoso,DC=test", &attributes), searched(id, 0)].concat()
    };
    let (world, _server) = mutating(SEARCH, right).await;
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..TRIES {
        let result = tokio::time::timeout(SOON, world.read()).await.expect("it ends in time");
        let Err(fault) = result else { panic!("there is no root entry, so there is no fingerprint") };
        assert!(fault.meaning != Meaning::Unclear, "a search changes nothing: {fault}");
        *seen.entry(fault.meaning.to_string()).or_insert(0) += 1;
    }
    println!("{seen:?}");
    assert!(seen["broken"] > 50 && seen["later"] > 50, "{seen:?}");
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}
