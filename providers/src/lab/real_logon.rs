//! A model server's logon at a real directory: the same bind as the adapter's, where the program has it.

use std::path::PathBuf;

use super::domain::BindAnswer;
use crate::port::{Fault, Secret};

/// A logon that somebody outside the world has to answer.
pub(super) struct RealLogon {
    pub(super) url: String,
    pub(super) ca_file: Option<PathBuf>,
    /// A distinguished name, a user principal name or `DOMAIN\user`.
    pub(super) bind_name: String,
    pub(super) secret: Secret,
}

impl RealLogon {
    /// What the directory says. Nobody there is an answer too; `Err` means that this program can't ask.
    #[cfg(feature = "active-directory")]
    pub(super) async fn ask(&self) -> Result<BindAnswer, Fault> {
        use crate::active_directory::{LogonAnswer, logon};
        Ok(match logon(&self.url, self.ca_file.as_deref(), &self.bind_name, &self.secret).await {
            Ok(LogonAnswer::Accepted) => BindAnswer::Accepted,
            Ok(LogonAnswer::WrongCredentials) => BindAnswer::Wrong,
            Ok(LogonAnswer::Locked) => BindAnswer::Locked,
            Ok(LogonAnswer::Other(word)) => barred(&word),
            Err(trouble) => {
                tracing::debug!(%trouble, "the model server got no answer from the real directory");
                BindAnswer::NoAnswer
            }
        })
    }

    /// Without LDAPS in the program nobody can be asked.
    #[cfg(not(feature = "active-directory"))]
    pub(super) async fn ask(&self) -> Result<BindAnswer, Fault> {
        let Self { url, ca_file: _, bind_name, secret: _ } = self;
        Err(Fault::broken(format!("binding at {url} as {bind_name}"), "this program has no LDAPS")
            .hint("use a build with the feature active-directory, or a lab with a model directory"))
    }
}

/// Why a right password does not log on, by the words of the answers' table.
#[cfg(feature = "active-directory")]
fn barred(word: &str) -> BindAnswer {
    let answers = [
        ("disabled", BindAnswer::Disabled),
        ("account is expired", BindAnswer::AccountExpired),
        ("must", BindAnswer::MustChange),
        ("password is expired", BindAnswer::PasswordExpired),
    ];
    answers.iter().find(|(part, _)| word.contains(part)).map_or(BindAnswer::Wrong, |(_, answer)| *answer)
}
