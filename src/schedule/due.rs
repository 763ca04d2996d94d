use jiff::{SignedDuration, Timestamp};

use super::civil::later;
use super::windows::OPEN_SEARCH_DAYS;
use super::{Blocked, By, Due, Fire, Misfire, Policy, PutOff, Reason, Standing};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whether and when `account` is to be rotated. `awake_since`: since when the program has been running on a machine that did
/// not sleep; fires before it were missed.
///
/// `At` lies in an open window, not within the minimum gap, and when it is not later than `now`, the window is open now.
pub fn due(policy: &Policy, account: &str, standing: &Standing, now: Timestamp, awake_since: Timestamp) -> Due {
    let exempt_until = match &standing.blocked {
        Some(Blocked::Exempt { until }) if *until <= now => Some(*until),
        Some(blocked) => return Due::Blocked(blocked.clone()),
        None => None,
    };
    if policy.calendar.is_none() && policy.max_age.is_none() {
        return Due::Never { why: "it has neither a calendar nor a maximum age" };
    }
    if standing.failures > 0 && standing.failures >= policy.retry.budget {
        return Due::GaveUp { failures: standing.failures };
    }
    let ask = Ask { policy, account, standing, now, awake_since: awake_since.min(now), exempt_until };
    let fire = if standing.failures > 0 {
        ask.retry()
    } else {
        // The earlier one; the calendar's where they are the same.
        [ask.calendar(), ask.max_age(), ask.renewed()].into_iter().flatten().min_by_key(|fire| fire.at)
    };
    match fire.and_then(|fire| ask.not_in_a_closed_now(fire)) {
        Some(fire) => Due::At(fire),
        None => Due::Never { why: "no maintenance window opens within 400 days of its time" },
    }
}

/// One question, with all that the answer depends on.
struct Ask<'a> {
    policy: &'a Policy,
    account: &'a str,
    standing: &'a Standing,
    now: Timestamp,
    awake_since: Timestamp,
    exempt_until: Option<Timestamp>,
}

impl Ask<'_> {
    fn retry(&self) -> Option<Fire> {
        let failed = self.standing.last_failure.or(self.standing.last_attempt).unwrap_or(self.standing.known_since);
        let nominal = later(failed, self.policy.retry.wait(self.standing.failures));
        let reason = Reason::Retry { attempt: self.standing.failures.saturating_add(1) };
        self.place(reason, nominal, nominal, SignedDuration::ZERO)
    }

    /// A person mended what failed: now, not at the calendar's next time.
    fn renewed(&self) -> Option<Fire> {
        let at = self.standing.renewed_at.filter(|at| self.standing.last_touched() < Some(*at))?;
        self.place(Reason::Renewed, at, at, SignedDuration::ZERO)
    }

    fn calendar(&self) -> Option<Fire> {
        let calendar = self.policy.calendar.as_ref()?;
        let handled = self.standing.last_touched().max(self.exempt_until).max(Some(self.standing.known_since))?;
        let jitter = self.policy.jitter;
        let nominal = calendar.next_after(handled)?;
        let fire = self.place(Reason::Calendar, nominal, nominal, jitter)?;
        // What counts is when it would have started: a restart between the pattern's time and that one misses nothing.
        if fire.at >= self.awake_since {
            return Some(fire);
        }
        match self.policy.misfire {
            Misfire::Skip => {
                let asleep = later(self.awake_since, SignedDuration::from_nanos(-1));
                let nominal = calendar.next_after(asleep)?;
                self.place(Reason::Calendar, nominal, nominal, jitter)
            }
            Misfire::Once => self.place(Reason::Misfire, nominal, self.awake_since, jitter),
            Misfire::Now => self.place(Reason::Misfire, nominal, self.awake_since, SignedDuration::ZERO),
        }
    }

    fn max_age(&self) -> Option<Fire> {
        let max_age = self.policy.max_age?;
        let Some(set_at) = self.standing.set_at else {
            let nominal = self.standing.known_since;
            return self.place_after_attempt(nominal, nominal, SignedDuration::ZERO);
        };
        let over_at = later(set_at, max_age);
        let nominal = later(over_at, -self.policy.warn_before);
        let jitter = self.policy.jitter.min(self.policy.warn_before / 2);
        let fire = self.place_after_attempt(nominal, nominal, jitter);
        if fire.as_ref().is_some_and(|fire| fire.at < over_at) {
            return fire;
        }
        // No window before the age is over, a freeze perhaps: then in the last one before.
        self.brought_forward(nominal, set_at, jitter).filter(|earlier| earlier.at < over_at).or(fire)
    }

    fn brought_forward(&self, nominal: Timestamp, set_at: Timestamp, jitter: SignedDuration) -> Option<Fire> {
        let earliest = later(set_at, self.policy.minimum_gap);
        let mut from = nominal;
        for _ in 0..OPEN_SEARCH_DAYS {
            if from <= earliest {
                return None;
            }
            from = later(from, -DAY).max(earliest);
            if let Some(open) = self.policy.windows.next_open(from).filter(|open| *open < nominal) {
                return self.place_after_attempt(nominal, open, jitter);
            }
        }
        None
    }

    /// A fire for the maximum age. An attempt that neither failed nor set a password does not end the need; without
    /// a pause it would be made again at once, for ever.
    fn place_after_attempt(&self, nominal: Timestamp, from: Timestamp, jitter: SignedDuration) -> Option<Fire> {
        let pause = self.policy.minimum_gap.max(self.policy.retry.first);
        let attempt = self.standing.last_attempt.filter(|attempt| *attempt >= from);
        let Some(until) = attempt.map(|attempt| later(attempt, pause)) else {
            return self.place(Reason::MaxAge, nominal, from, jitter);
        };
        let mut fire = self.place(Reason::MaxAge, nominal, until, jitter)?;
        fire.put_off.insert(0, PutOff { by: By::MinimumGap, until, why: None });
        Some(fire)
    }

    /// A fire from `from` on: after the minimum gap, in an open window, and there at the account's share of the jitter.
    fn place(&self, reason: Reason, nominal: Timestamp, from: Timestamp, jitter: SignedDuration) -> Option<Fire> {
        let mut put_off = Vec::new();
        let mut at = from;
        let gap = self.policy.minimum_gap;
        let gap_over = self.standing.set_at.map(|set_at| later(set_at, gap));
        let believed = self.standing.last_touched().filter(|touched| self.now < *touched).map(|it| later(it, gap));
        for (by, until) in [(By::MinimumGap, gap_over), (By::ClockBehind, believed)] {
            // A clock that is behind is told even where it changes nothing: it is why the fire is so far away.
            if let Some(until) = until.filter(|until| *until > at || by == By::ClockBehind) {
                at = at.max(until);
                put_off.push(PutOff { by, until, why: None });
            }
        }
        let (open, waited) = self.policy.windows.wait(at)?;
        at = open;
        put_off.extend(waited);
        let room = self.policy.windows.closes_within(at, jitter).map_or(jitter, |closes| at.duration_until(closes));
        let share = share(self.account, nominal, jitter.min(room));
        if share > SignedDuration::ZERO {
            at = later(at, share);
            put_off.push(PutOff { by: By::Jitter, until: at, why: None });
        }
        Some(Fire { at, nominal, reason, put_off })
    }

    /// A fire whose window went by, while others ran, waits for the next one.
    fn not_in_a_closed_now(&self, mut fire: Fire) -> Option<Fire> {
        if fire.at <= self.now && !self.policy.windows.is_open(self.now) {
            let (open, waited) = self.policy.windows.wait(self.now)?;
            fire.at = open;
            fire.put_off.extend(waited);
        }
        Some(fire)
    }
}

/// The account's share of `jitter`, less than it, in whole seconds: the same for one nominal fire at every start.
fn share(account: &str, nominal: Timestamp, jitter: SignedDuration) -> SignedDuration {
    let Some(seconds) = u64::try_from(jitter.as_secs()).ok().filter(|seconds| *seconds > 0) else {
        return SignedDuration::ZERO;
    };
    // FNV-1a, 64 bits: stable over versions of Rust, which the standard library's hasher is not.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in nominal.as_second().to_be_bytes().into_iter().chain(account.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let share = (hash ^ (hash >> 32)) % seconds;
    SignedDuration::from_secs(i64::try_from(share).unwrap_or(0))
}
