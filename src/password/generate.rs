use providers::port::Secret;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{CryptoRng, RngExt};
use zeroize::Zeroizing;

use super::Rules;

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGIT: &[u8] = b"0123456789";
/// Without space, quotes, backtick, `$ & < > | ^ % ; =`: the service manager, XML, PowerShell and
/// connection strings all see the password.
const SPECIAL: &[u8] = b"!#()*+,-./:?@[]_{}~";

/// How often a candidate that happens to contain a forbidden name is thrown away. A three-letter name turns
/// up by chance in about one of a thousand candidates.
const CANDIDATES_MAX: usize = 1_000;

/// A password that meets the rules; `None` when a thousand candidates in a row did not, which only rules
/// that nothing can meet will bring about.
pub fn generate(rules: &Rules, rng: &mut impl CryptoRng) -> Option<Secret> {
    let all: Vec<u8> = [LOWER, UPPER, DIGIT, SPECIAL].concat();
    for _ in 0..CANDIDATES_MAX {
        // Of full size from the start: a buffer that grows leaves a copy behind.
        let mut letters: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(rules.length as usize));
        let mut password = Zeroizing::new(String::with_capacity(rules.length as usize));
        for class in [LOWER, UPPER, DIGIT, SPECIAL] {
            letters.extend(class.choose(rng));
        }
        while letters.len() < rules.length as usize {
            letters.push(all[rng.random_range(0..all.len())]);
        }
        letters.shuffle(rng);
        password.extend(letters.iter().map(|letter| char::from(*letter)));
        if rules.are_met_by(&password) {
            return Some(Secret::new(password.as_str()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn rules(length: u32, forbidden: &[&str]) -> Rules {
        Rules { length, forbidden: forbidden.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn every_candidate_meets_its_rules() {
        for seed in 0..500 {
            let rules = rules(8 + (seed % 119) as u32, &["abc", "msol"]);
            let secret = generate(&rules, &mut StdRng::seed_from_u64(seed)).expect("a candidate");
            assert!(rules.are_met_by(secret.expose()));
            assert!(!secret.expose().contains([' ', '"', '\'', '`', '$', '&', '<', '>', '|', '^', '%', ';', '=']));
        }
    }

    #[test]
    fn impossible_rules_end() {
        let everything: Vec<String> = (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect();
        let rules = Rules { length: 20, forbidden: everything };
        assert!(generate(&rules, &mut StdRng::seed_from_u64(1)).is_none());
    }
}
