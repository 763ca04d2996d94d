//! Seeded storms: random faults, random operators, and after the end of every process the promises that no
//! bad luck may break. `ENTRA_ROTATOR_STORM_SEEDS` says how many (`COUNT` or `FIRST..END`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::Lab;

/// Storms of a run that asks for nothing else; about half a minute on two cores.
const SEEDS: u64 = 48;
/// Storms at a time: most of their time is spent in pauses before another try.
const AT_A_TIME: usize = 6;
/// What an operator does in the storm, at most, before the weather clears.
const ORDERS_MAX: u64 = 4;
/// Orders after which the documented ways out must have led out.
const WAYS_OUT_MAX: usize = 4;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";

const STEPS: [&str; 16] = [
    "baseline:SYNC1/contoso.test",
    "stage",
    "quiesce:SYNC1",
    "directory",
    "converge-directory:dc2.contoso.test",
    "engine:SYNC1/contoso.test",
    "restart:SYNC1",
    "seal",
    "converge-seal:dc2.contoso.test",
    "prove:SYNC1/contoso.test",
    "promote",
    "release:SYNC1",
    "discard",
    "engine:SYNC2/contoso.test",
    "restart:SYNC2",
    "prove:SYNC2/contoso.test",
];

/// Repeatable randomness (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn one_of<'c, T: ?Sized>(&mut self, of: &[&'c T]) -> &'c T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// One storm: its lab, what is known of it from outside, and its story.
struct Storm {
    lab: Lab,
    dice: Dice,
    story: String,
    /// The one password of the last time when nothing was open.
    settled: String,
    /// Passwords that a person set: the vault can't know them.
    foreign: BTreeSet<String>,
    /// `foreign-password` was ordered and may still strike.
    stranger: bool,
    /// A person set a password while nothing was open: nothing is one until a repair.
    dirty: bool,
}

/// What holds after a process.
struct Seen {
    holders: BTreeMap<String, Vec<String>>,
    state: String,
    why: String,
}

impl Seen {
    fn label(&self, holder: &str) -> String {
        self.holders.get(holder).and_then(|labels| labels.first()).cloned().unwrap_or_else(|| "-".into())
    }

    fn closed(&self) -> bool {
        !matches!(self.state.as_str(), "held" | "interrupted")
    }

    /// The one password of all places; what speaks against it.
    fn one(&self) -> Result<String, String> {
        let live = self.label("directory");
        for (holder, labels) in &self.holders {
            let expected = match holder.as_str() {
                "vault:previous" | "vault:kept" => continue,
                "vault:pending" => "-",
                other if other.starts_with("engine-cache:") => return Err(format!("{other} runs with {labels:?}")),
                _ => live.as_str(),
            };
            if labels.iter().any(|label| label != expected) {
                return Err(format!("{holder} is {labels:?}, not {expected}"));
            }
        }
        Ok(live)
    }
}

impl Storm {
    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.story, "{line}");
    }

    fn order_fault(&mut self) {
        let dice = &mut self.dice;
        let fault = match dice.below(100) {
            0..20 => dice
                .one_of(&[
                    "directory-reply-lost",
                    "seal-reply-lost",
                    "engine-reply-lost",
                    "restart-reply-lost",
                    "stage-reply-lost",
                    "promote-reply-lost",
                ])
                .to_owned(),
            20..45 => {
                let name = dice.one_of(&[
                    "directory-refuses",
                    "engine-refuses",
                    "engine-keeps-old",
                    "restart-fails",
                    "proof-fails",
                    "stage-fails",
                    "announce-fails",
                    "promote-fails",
                ]);
                if dice.percent(40) { name.to_owned() } else { format!("{name} --times {}", 1 + dice.below(4)) }
            }
            45..55 => {
                let times = if dice.percent(15) { 6 + dice.below(3) } else { 1 + dice.below(3) };
                format!("look-fails --times {times}")
            }
            55..85 => {
                let moment = dice.one_of(&["before", "after"]);
                let way = dice.one_of(&["", "", "back:", "back:", "look:", "look:back:"]);
                format!("crash-{moment}:{way}{}", dice.one_of(&STEPS))
            }
            85..94 => format!("crash-{}-append:{}", dice.one_of(&["before", "after"]), 1 + dice.below(45)),
            _ => "foreign-password".to_owned(),
        };
        self.stranger |= fault == "foreign-password";
        self.tell(&format!("  ordered: {fault}"));
        self.lab.order(&fault);
    }

    fn look(&mut self) -> Result<Seen, String> {
        let truth = self.lab.run("lab show --format json").json();
        let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for holder in truth["accounts"][0]["holders"].as_array().ok_or("no holders")? {
            let name = holder["holder"].as_str().unwrap_or_default().to_owned();
            holders.entry(name).or_default().push(holder["label"].as_str().unwrap_or("-").to_owned());
        }
        let status = self.lab.run("status --lab --format json").json();
        let text = |name: &str| status["accounts"][0][name].as_str().unwrap_or_default().to_owned();
        let seen = Seen { holders, state: text("state"), why: text("why") };
        self.tell(&format!("    {} {} {:?}", seen.state, seen.why, seen.holders));
        Ok(seen)
    }

    /// Runs one process and holds it to the promises.
    fn run(&mut self, command: &str, open_before: bool) -> Result<(Option<i32>, Seen), String> {
        let ended = self.lab.run(command);
        self.tell(&format!("$ {command} -> {:?}\n{}{}", ended.code, ended.stderr, ended.stdout));
        let seen = self.look()?;
        let live = seen.label("directory");
        let in_vault =
            seen.holders.iter().any(|(holder, labels)| holder.starts_with("vault:") && labels.contains(&live));
        if !in_vault && !self.foreign.contains(&live) {
            if !std::mem::take(&mut self.stranger) {
                return Err(format!("the live password {live} is lost"));
            }
            self.foreign.insert(live.clone());
        }
        let verified = self.lab.run("history verify --lab");
        if verified.code != Some(0) {
            return Err(format!("the journal: {}", verified.stdout));
        }
        if matches!(ended.code, Some(code) if ![0, 1, 3, 4, 75].contains(&code)) {
            return Err(format!("exit {:?}", ended.code));
        }
        if seen.closed() && !self.dirty {
            seen.one().map_err(|mixed| format!("closed, and {mixed}"))?;
        }
        if !open_before && command.starts_with("resume") | command.starts_with("rollback") {
            return Ok((ended.code, seen));
        }
        let back = command.starts_with("rollback");
        match ended.code {
            Some(0) => {
                let one = seen.one().map_err(|mixed| format!("exit 0, and {mixed}"))?;
                if !seen.closed() {
                    return Err("exit 0, and it is open".into());
                }
                if !self.dirty && (one == self.settled) != back {
                    return Err(format!("exit 0, it was {} and is {one}", self.settled));
                }
                self.dirty = false;
            }
            Some(1) if !self.dirty => {
                let one = seen.one().map_err(|mixed| format!("exit 1, and {mixed}"))?;
                if one != self.settled {
                    return Err(format!("exit 1, it was {} and is {one}", self.settled));
                }
            }
            _ => {}
        }
        if seen.closed() && !self.dirty {
            self.settled = live;
        }
        Ok((ended.code, seen))
    }

    fn blow(&mut self) -> Result<(), String> {
        if self.dice.percent(25) {
            self.tell("with a staging server");
            self.lab.run("lab init --staging-servers 1");
        }
        if self.dice.percent(15) {
            self.run("rotate --lab --all", false)?;
        }
        for _ in 0..=self.dice.below(5) {
            self.order_fault();
        }
        let (_, mut seen) = self.run("rotate --lab --all", false)?;
        for _ in 0..self.dice.below(ORDERS_MAX + 1) {
            if self.dice.percent(30) {
                self.clear();
            }
            if self.dice.percent(40) {
                self.order_fault();
            }
            if self.dice.percent(4) {
                self.lab.run(&format!("lab set-password --account {ACCOUNT}"));
                let label = self.lab.holders()["directory"].clone();
                self.tell(&format!("  a person sets {label}"));
                self.foreign.insert(label);
                self.dirty |= seen.closed();
            }
            let order = match self.dice.below(100) {
                0..45 => "resume --lab",
                45..65 => "rotate --lab --all",
                65..85 => "rollback --lab",
                _ => "rotate --lab --all --repair",
            };
            (_, seen) = self.run(order, !seen.closed())?;
        }
        self.clear();
        self.ways_out(seen)
    }

    fn clear(&mut self) {
        self.tell("  faults cleared");
        self.lab.run("lab fault clear");
    }

    /// With the faults gone, what `status` says must lead out.
    fn ways_out(&mut self, mut seen: Seen) -> Result<(), String> {
        for _ in 0..WAYS_OUT_MAX {
            if seen.closed() && !self.dirty {
                break;
            }
            let somebody = seen.why.contains("somebody else") || seen.why.contains("older than the world");
            if somebody && self.foreign.is_empty() && !self.stranger && !self.story.contains("--repair") {
                return Err("held for somebody else's doing, and nobody did anything".into());
            }
            let order = if self.dirty || somebody { "rotate --lab --all --repair" } else { "resume --lab" };
            let (code, after) = self.run(order, true)?;
            let still_somebody = after.why.contains("somebody else") && (!self.foreign.is_empty() || self.stranger);
            if !matches!(code, Some(0 | 1)) && !still_somebody {
                return Err(format!("the documented way out, `{order}`, ended with {code:?}"));
            }
            seen = after;
        }
        let (code, _) = self.run("rotate --lab --all", false)?;
        if code == Some(0) { Ok(()) } else { Err(format!("a plain rotation after it all ended with {code:?}")) }
    }
}

/// The story of a storm that broke a promise.
fn storm(seed: u64) -> Option<String> {
    let mut storm = Storm {
        lab: Lab::made(),
        dice: Dice(seed),
        story: String::new(),
        settled: "p1".into(),
        foreign: BTreeSet::new(),
        stranger: false,
        dirty: false,
    };
    let broken = storm.blow().err()?;
    let history = storm.lab.run("history --lab").stdout;
    let Storm { lab, story, .. } = storm;
    let entries: Vec<String> = newest(&lab).iter().map(ToString::to_string).collect();
    Some(format!("seed {seed}: {broken}\n{story}{history}\n{}", entries.join("\n")))
}

fn newest(lab: &Lab) -> Vec<Value> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lab.newest_history())).unwrap_or_default()
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("ENTRA_ROTATOR_STORM_SEEDS") else { return 0..SEEDS };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("COUNT or FIRST..END, not {asked}"));
    asked.split_once("..").map_or_else(|| 0..number(&asked), |(first, end)| number(first)..number(end))
}

#[test]
fn no_storm_breaks_a_promise() {
    let seeds = seeds();
    let (next, broken) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds.end {
                        break;
                    }
                    if let Some(story) = storm(seed) {
                        broken.lock().expect("the list").push(story);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().expect("the list");
    assert!(broken.is_empty(), "{} of {seeds:?} storms broke a promise:\n\n{}", broken.len(), broken.join("\n\n"));
}
