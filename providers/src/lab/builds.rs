//! Which build of Entra Connect can do what, as far as the model behaves by it.

/// The last build on which a reset of the service account's password destroys the encryption key: March 2017.
pub(super) const KEY_DIES_WITH_RESET_MAX: &str = "1.1.443.0";
/// The first build with the search by stored credentials.
pub(super) const STORED_SEARCH_MIN: &str = "2.0.0.0";
/// The first build that writes what an administrator does into the Application log.
pub(super) const AUDIT_MIN: &str = "2.4.129.0";
/// The first build that can tell how it logs on to Entra ID (`Get-ADSyncEntraConnectorCredential`).
pub(super) const IDENTITY_MIN: &str = "2.5.3.0";

/// The four numbers of a version, as Windows compares them. What is no number counts as 0.
fn numbers(version: &str) -> [u32; 4] {
    let mut numbers = [0; 4];
    for (number, part) in numbers.iter_mut().zip(version.split('.')) {
        *number = part.trim().parse().unwrap_or(0);
    }
    numbers
}

/// Whether `build` is `first` or later.
pub(super) fn at_least(build: &str, first: &str) -> bool {
    numbers(build) >= numbers(first)
}

/// Whether on this build a reset of the service account's password destroys the encryption key.
pub(super) fn key_dies_with_reset(build: &str) -> bool {
    numbers(build) <= numbers(KEY_DIES_WITH_RESET_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        assert!(at_least("2.5.79.0", "2.5.8.0") && !at_least("2.5.8.0", "2.5.79.0"));
        assert!(at_least("2.10.0.0", "2.9.99.0") && at_least("2.4.129.0", AUDIT_MIN));
        assert!(key_dies_with_reset("1.1.443.0") && key_dies_with_reset("1.1.99.0"));
        assert!(!key_dies_with_reset("1.1.443.1") && !key_dies_with_reset("1.1.1000.0"));
    }
}
