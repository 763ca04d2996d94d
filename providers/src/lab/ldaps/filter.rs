//! Search filters: and, or, not, equality, presence, and Windows' rules for single bits.

use lber::structure::StructureTag;

use super::codec::{Malformed, Parts, octets, text};
use super::names;
use super::tree::Entry;

/// LDAP_MATCHING_RULE_BIT_AND and LDAP_MATCHING_RULE_BIT_OR.
const ALL_BITS: &str = "1.2.840.113556.1.4.803";
const ANY_BITS: &str = "1.2.840.113556.1.4.804";

pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Equal(String, Vec<u8>),
    Present(String),
    Bits {
        attribute: String,
        all: bool,
        mask: i64,
    },
    /// One that this server does not offer.
    Else,
}

impl Filter {
    pub(super) fn read(tag: StructureTag) -> Result<Self, Malformed> {
        let all = |tag| Parts::of(tag)?.0.map(Self::read).collect::<Result<Vec<_>, _>>();
        Ok(match tag.id {
            0 => Self::And(all(tag)?),
            1 => Self::Or(all(tag)?),
            2 => Self::Not(Box::new(Self::read(Parts::of(tag)?.tag()?)?)),
            3 => {
                let mut parts = Parts::of(tag)?;
                Self::Equal(parts.text()?, octets(parts.tag()?)?)
            }
            7 => Self::Present(text(tag)?),
            9 => Self::extensible(tag)?,
            _ => Self::Else,
        })
    }

    fn extensible(tag: StructureTag) -> Result<Self, Malformed> {
        let (mut rule, mut attribute, mut value) = (String::new(), String::new(), String::new());
        for part in Parts::of(tag)?.0 {
            match part.id {
                1 => rule = text(part)?,
                2 => attribute = text(part)?,
                3 => value = text(part)?,
                _ => {}
            }
        }
        let all = match rule.as_str() {
            ALL_BITS => true,
            ANY_BITS => false,
            _ => return Ok(Self::Else),
        };
        Ok(value.parse().map_or(Self::Else, |mask| Self::Bits { attribute, all, mask }))
    }

    /// Whether all of it can be answered here.
    pub(super) fn is_offered(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_offered),
            Self::Not(part) => part.is_offered(),
            Self::Equal(..) | Self::Present(_) | Self::Bits { .. } => true,
            Self::Else => false,
        }
    }

    pub(super) fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(entry)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(entry)),
            Self::Not(part) => !part.matches(entry),
            // The root entry has no class, and is there all the same.
            Self::Present(attribute) if attribute.eq_ignore_ascii_case("objectClass") => true,
            Self::Present(attribute) => entry.values(attribute).is_some(),
            Self::Equal(attribute, wanted) => {
                entry.values(attribute).is_some_and(|values| values.iter().any(|value| equal(attribute, value, wanted)))
            }
            Self::Bits { attribute, all, mask } => entry.values(attribute).is_some_and(|values| {
                let numbers = values.iter().filter_map(|value| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
                numbers.into_iter().any(|bits| if *all { bits & mask == *mask } else { bits & mask != 0 })
            }),
            Self::Else => false,
        }
    }
}

fn equal(attribute: &str, value: &[u8], wanted: &[u8]) -> bool {
    let (Ok(value), Ok(wanted)) = (std::str::from_utf8(value), std::str::from_utf8(wanted)) else {
        return value == wanted;
    };
    // A class may stand for its own distinguished name there.
    let category = format!("CN={wanted},CN=Schema,");
    value.eq_ignore_ascii_case(wanted)
        || (value.contains('=') && names::same(value, wanted))
        || (attribute.eq_ignore_ascii_case("objectCategory")
            && value.get(..category.len()).is_some_and(|start| start.eq_ignore_ascii_case(&category)))
}
