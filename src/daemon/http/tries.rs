use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many wrong tokens in a row are answered at once.
const FREE: u32 = 5;

/// The pause after the first further one; doubled after each, up to the longest.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);

/// After so long without a try they are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Addresses that are remembered. When there are more, the one that tried longest ago is forgotten.
const ADDRESSES_MAX: usize = 1_000;

/// Wrong tokens, by where they came from: nobody may guess in a hurry. A right one is never kept out, or one wrong token every
/// five minutes would keep everybody out; that it can't be guessed is for its length to see to.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<BTreeMap<IpAddr, Wrong>>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    at: Duration,
}

impl Wrong {
    fn pause(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.count.saturating_sub(FREE)).unwrap_or(u32::MAX);
        if self.count < FREE { Duration::ZERO } else { FIRST.saturating_mul(doubled).min(LONGEST) }
    }
}

impl Tries {
    /// How long wrong ones of that address are not listened to any more; `None` = they are.
    pub(super) fn waits(&self, from: IpAddr, now: Duration) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = known.get(&network_of(from))?;
        let left = (wrong.at + wrong.pause()).saturating_sub(now);
        (!left.is_zero()).then_some(left)
    }

    /// A wrong one.
    pub(super) fn wrong(&self, from: IpAddr, now: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, wrong| now.saturating_sub(wrong.at) < FORGOTTEN);
        let from = network_of(from);
        if known.len() >= ADDRESSES_MAX
            && !known.contains_key(&from)
            && let Some(oldest) = known.iter().min_by_key(|(_, wrong)| wrong.at).map(|(address, _)| *address)
        {
            known.remove(&oldest);
        }
        let wrong = known.entry(from).or_insert(Wrong { count: 0, at: now });
        *wrong = Wrong { count: wrong.count.saturating_add(1), at: now };
    }

    /// A right one.
    pub(super) fn right(&self, from: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network_of(from));
    }
}

/// Of IPv6 somebody has a whole network: its first half counts.
pub(super) fn network_of(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_pause_grows_and_ends() {
        let tries = Tries::default();
        let mut now = Duration::from_secs(100);
        for _ in 0..FREE - 1 {
            tries.wrong(HERE, now);
            assert_eq!(tries.waits(HERE, now), None);
        }
        let mut pauses = Vec::new();
        for _ in 0..10 {
            tries.wrong(HERE, now);
            let pause = tries.waits(HERE, now).expect("a pause");
            assert_eq!(tries.waits(HERE, now + pause), None, "it ends");
            now += pause;
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        tries.right(HERE);
        tries.wrong(HERE, now);
        assert_eq!(tries.waits(HERE, now), None, "a right one makes the rest forgotten");
    }

    #[test]
    fn one_address_does_not_keep_others_out_and_a_network_is_one() {
        let tries = Tries::default();
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::2:3", "2001:db8:1::1"].map(|text| text.parse().expect("one"));
        for _ in 0..FREE {
            tries.wrong(one, Duration::ZERO);
        }
        assert!(tries.waits(same, Duration::ZERO).is_some());
        assert!(tries.waits(other, Duration::ZERO).is_none() && tries.waits(HERE, Duration::ZERO).is_none());
        for number in 0..2 * ADDRESSES_MAX {
            let address = IpAddr::V4(std::net::Ipv4Addr::from(u32::try_from(number).expect("a number")));
            tries.wrong(address, Duration::from_secs(1));
        }
        assert!(tries.0.lock().expect("them").len() <= ADDRESSES_MAX);
    }
}
