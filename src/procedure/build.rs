use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A build of Entra Connect: the file version of miiserver.exe, four numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Build([u32; 4]);

/// A text that is no build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no build: four numbers with dots between them")]
pub struct NotABuild(String);

impl Build {
    /// The build of these four numbers.
    pub const fn new(major: u32, minor: u32, build: u32, revision: u32) -> Self {
        Self([major, minor, build, revision])
    }
}

impl FromStr for Build {
    type Err = NotABuild;

    /// Reads `2.5.79.0`. A missing tail is zeros; what follows after a space (file versions carry remarks) is left out.
    fn from_str(text: &str) -> Result<Self, NotABuild> {
        let wrong = || NotABuild(text.chars().take(40).collect());
        let version = text.split_whitespace().next().ok_or_else(wrong)?;
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in version.split('.') {
            // `parse` alone would take a sign.
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            *places.next().ok_or_else(wrong)? = part.parse().map_err(|_| wrong())?;
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

impl From<Build> for String {
    fn from(build: Build) -> Self {
        build.to_string()
    }
}

impl TryFrom<String> for Build {
    type Error = NotABuild;

    fn try_from(text: String) -> Result<Self, NotABuild> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_read_and_ordered_by_number() {
        let read = |text: &str| text.parse::<Build>();
        assert_eq!(read("2.5.79.0"), Ok(Build::new(2, 5, 79, 0)));
        assert_eq!(read(" 2.5.79 "), Ok(Build::new(2, 5, 79, 0)));
        assert_eq!(read("2.6.92.0 (release)"), Ok(Build::new(2, 6, 92, 0)));
        assert!(read("2.5.79.0").ok() < read("2.5.190.0").ok(), "79 < 190, though not as text");
        assert!(read("1.1.443.0").ok() < read("1.1.1443.0").ok());
        for wrong in ["", " ", "2..5", "2.5.79.0.1", "v2.5", "2.-5", "+2.5", "2.5.99999999999", "2.5."] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_build_is_stored_as_text() {
        let build = Build::new(2, 6, 84, 0);
        let stored = serde_json::to_string(&build).expect("it has a text");
        assert_eq!(stored, "\"2.6.84.0\"");
        assert_eq!(serde_json::from_str::<Build>(&stored).expect("it is one"), build);
        assert!(serde_json::from_str::<Build>("\"new\"").is_err());
    }
}
