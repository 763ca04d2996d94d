use serde::Serialize;

use super::output::table;
use crate::order::Came;

/// What came of every account.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) results: Vec<Came>,
    pub(super) exit: u8,
}

impl Results {
    pub(super) fn table(&self) -> String {
        let row = |result: &Came| {
            let rotation = result.rotation.clone().unwrap_or_else(|| "-".into());
            vec![result.account.clone(), result.outcome.to_owned(), rotation]
        };
        let table = table(&["ACCOUNT", "OUTCOME", "ROTATION"], self.results.iter().map(row).collect());
        let messages = self.results.iter().map(|result| format!("{}: {}", result.account, result.message));
        std::iter::once(table).chain(messages).collect::<Vec<_>>().join("\n")
    }
}
