use std::time::{Duration, Instant};

/// No end needs more warning than this, and no renewal is tried more often.
const MARGIN_MAX: Duration = Duration::from_secs(60);

/// How long a token lives, as far as we were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// What it lives from a renewal on, and when it ends. `None` = it never ends, or its end is not known.
    term: Option<(Duration, Instant)>,
    renewable: bool,
    tried: Option<Instant>,
}

/// What is to be done about a token before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Renewal,
    Replacement,
}

impl Life {
    /// One whose end nobody told.
    pub(super) const ENDLESS: Self = Self { term: None, renewable: false, tried: None };

    /// `lease_s` = the whole life from a renewal on, `left_s` = what is left of it; 0 = it never ends.
    pub(super) fn new(lease_s: u64, left_s: u64, renewable: bool, now: Instant) -> Self {
        let ends = now.checked_add(Duration::from_secs(left_s)).filter(|_| lease_s > 0 && left_s > 0);
        Self { term: ends.map(|ends| (Duration::from_secs(lease_s), ends)), renewable, tried: None }
    }

    /// In the last third a renewable token is renewed; a tenth before its end (a minute at most) it is replaced.
    pub(super) fn due(&self, now: Instant) -> Due {
        let Some((lease, ends)) = self.term else { return Due::Nothing };
        let left = ends.saturating_duration_since(now);
        let margin = margin(lease);
        let rested = self.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= margin);
        if left <= lease / 3 && self.renewable && rested {
            Due::Renewal
        } else if left <= margin {
            Due::Replacement
        } else {
            Due::Nothing
        }
    }

    /// A renewal is under way.
    pub(super) fn trying(&mut self, now: Instant) {
        self.tried = Some(now);
    }

    /// It was renewed. What is granted shrinks as the token's own maximum comes near: then renewing is over.
    pub(super) fn renewed(&mut self, granted_s: u64, renewable: bool, now: Instant) {
        let Some((lease, _)) = self.term else { return };
        let granted = Duration::from_secs(granted_s);
        if let Some(ends) = now.checked_add(granted) {
            self.term = Some((lease, ends));
        }
        self.renewable = renewable && granted > lease / 3;
    }

    /// The vault renews it no more.
    pub(super) fn not_renewable(&mut self) {
        self.renewable = false;
    }
}

fn margin(lease: Duration) -> Duration {
    (lease / 10).min(MARGIN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_in_its_last_third_and_replaced_before_its_end() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut life = Life::new(300, 300, true, start);
        assert_eq!(
            [0, 199, 200, 299].map(|s| life.due(at(s))),
            [Due::Nothing, Due::Nothing, Due::Renewal, Due::Renewal]
        );
        // One that failed is tried again after a rest, and not at every call.
        life.trying(at(200));
        assert_eq!([201, 229, 230].map(|s| life.due(at(s))), [Due::Nothing, Due::Nothing, Due::Renewal]);
        life.trying(at(269));
        assert_eq!(life.due(at(270)), Due::Replacement);
        life.renewed(300, true, at(270));
        assert_eq!([271, 469, 470].map(|s| life.due(at(s))), [Due::Nothing, Due::Nothing, Due::Renewal]);
        // At its maximum.
        life.renewed(90, true, at(480));
        assert_eq!([481, 539, 540].map(|s| life.due(at(s))), [Due::Nothing, Due::Nothing, Due::Replacement]);
    }

    #[test]
    fn one_that_is_not_renewable_is_replaced_and_one_without_end_is_left_alone() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let life = Life::new(3600, 3600, false, start);
        assert_eq!(
            [0, 3539, 3540, 9999].map(|s| life.due(at(s))),
            [Due::Nothing, Due::Nothing, Due::Replacement, Due::Replacement]
        );
        assert_eq!(Life::new(0, 0, true, start), Life { renewable: true, ..Life::ENDLESS });
        assert_eq!(Life::ENDLESS.due(at(u64::from(u32::MAX))), Due::Nothing);
        // Looked up late in its life.
        assert_eq!(Life::new(3600, 600, true, start).due(start), Due::Renewal);
        assert_eq!(Life::new(3600, u64::MAX, true, start).due(start), Due::Nothing);
    }
}
