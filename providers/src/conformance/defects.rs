//! Defects by name, and the checks that must find each.

use super::report::Report;

/// Makes the enum `Defect` of a list: what is wrong, the checks that must fail, and those that may.
macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident: [$($check:literal),* $(,)?] $(or [$($maybe:literal),* $(,)?])?,)*) => {
        /// What is wrong with an adapter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Defect {
            $($(#[$doc])* $name,)*
        }

        impl Defect {
            /// Every defect.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The checks that fail on an adapter with this defect.
            pub fn caught_by(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($check),*],)*
                }
            }

            /// The checks that fail on it besides, in some worlds or on some runs; `*` = whatever else.
            pub fn may_be_caught_by(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($($maybe),*)?],)*
                }
            }

            /// Whether a run against an adapter with this defect failed as it must, given the run against the good one
            /// in the same world; else how not. A check that was left out of the run is not asked for.
            pub fn judge(
                self,
                good: &$crate::conformance::Report,
                broken: &$crate::conformance::Report,
            ) -> Result<(), String> {
                $crate::conformance::defects::judge(good, broken, self.caught_by(), self.may_be_caught_by())
                    .map_err(|how| format!("{self:?} {how}"))
            }
        }
    };
}
pub(super) use defects;

/// Whether the run against a broken adapter failed in the checks of `caught_by`, as far as the good one's run in the same
/// world showed them, and besides in nothing but `may` (`*` = whatever else); else how not.
pub fn judge(good: &Report, broken: &Report, caught_by: &[&str], may: &[&str]) -> Result<(), String> {
    let (shown, failed) = (good.passed(), broken.failed());
    let ran = |check: &str| broken.lines.iter().any(|(name, _)| *name == check);
    let must: Vec<&str> = caught_by.iter().copied().filter(|check| shown.contains(check) && ran(check)).collect();
    let missed: Vec<&str> = must.iter().copied().filter(|check| !failed.contains(check)).collect();
    let allowed = |check: &&str| must.contains(check) || may.contains(check) || may.contains(&"*");
    let besides: Vec<&str> = failed.iter().copied().filter(|check| !allowed(check)).collect();
    if missed.is_empty() && besides.is_empty() {
        return Ok(());
    }
    Err(format!("is not caught by {missed:?}, and is caught by {besides:?} besides"))
}
