use std::time::Duration;

use zeroize::Zeroizing;

/// The scripts: static texts for Windows PowerShell 5.1, one an operation. Nothing is ever put into them: what a call
/// needs goes over standard input. So the argument of each is always the same, and its hash can be published
/// (`docs/windows-scripts.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// What only the cmdlets know of a server.
    Describe,
    /// Plants the task that restores the scheduler's switch, and turns the switch off.
    Pause,
    /// Gives the switch a value, and takes the task away.
    Release,
    /// Gives the engine the password of one connector.
    SetConnectorPassword,
    /// A search with the password that the engine stores.
    StoredLogon,
    /// A Delta Import, and its result.
    Prove,
    /// The results of the last runs.
    Runs,
    /// Resets the Entra connector account.
    ResetEntraAccount,
    /// What the planted task runs by itself.
    Restore,
}

/// A script with what stands before it.
macro_rules! with_common {
    ($name:literal) => {
        concat!(include_str!("scripts/common.ps1"), include_str!($name))
    };
}

/// How long a script that only reads may take: less than the whole look, so that its own answer comes first.
const LOOK_LIMIT: Duration = Duration::from_secs(75);
/// How long a script may take that changes something and waits for nothing.
const CHANGE_LIMIT: Duration = Duration::from_secs(105);
/// How long a delta import may take.
const PROOF_LIMIT: Duration = Duration::from_secs(1770);

impl Script {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Describe,
        Self::Pause,
        Self::Release,
        Self::SetConnectorPassword,
        Self::StoredLogon,
        Self::Prove,
        Self::Runs,
        Self::ResetEntraAccount,
        Self::Restore,
    ];

    /// Its file's name, without the ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Pause => "pause",
            Self::Release => "release",
            Self::SetConnectorPassword => "set-connector-password",
            Self::StoredLogon => "stored-logon",
            Self::Prove => "prove",
            Self::Runs => "runs",
            Self::ResetEntraAccount => "reset-entra-account",
            Self::Restore => "restore",
        }
    }

    /// What PowerShell is given to run.
    pub fn text(self) -> &'static str {
        match self {
            Self::Describe => with_common!("scripts/describe.ps1"),
            Self::Pause => with_common!("scripts/pause.ps1"),
            Self::Release => with_common!("scripts/release.ps1"),
            Self::SetConnectorPassword => with_common!("scripts/set-connector-password.ps1"),
            Self::StoredLogon => with_common!("scripts/stored-logon.ps1"),
            Self::Prove => with_common!("scripts/prove.ps1"),
            Self::Runs => with_common!("scripts/runs.ps1"),
            Self::ResetEntraAccount => with_common!("scripts/reset-entra-account.ps1"),
            Self::Restore => include_str!("scripts/restore.ps1"),
        }
    }

    /// The value of `-EncodedCommand`: base64 of the text in UTF-16LE. No execution policy stands in its way, which are
    /// about files.
    pub fn encoded(self) -> String {
        let bytes: Vec<u8> = self.text().encode_utf16().flat_map(u16::to_le_bytes).collect();
        String::clone(&base64(&bytes))
    }

    /// The arguments of powershell.exe.
    pub fn arguments(self) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand"].map(str::to_owned).into();
        arguments.push(self.encoded());
        arguments
    }

    /// Whether it may change something: then the loss of its answer is unclear.
    pub fn acts(self) -> bool {
        !matches!(self, Self::Describe | Self::StoredLogon | Self::Runs)
    }

    /// How long it may take.
    pub fn limit(self) -> Duration {
        match self {
            Self::Describe | Self::StoredLogon | Self::Runs => LOOK_LIMIT,
            Self::Prove => PROOF_LIMIT,
            Self::Pause | Self::Release | Self::SetConnectorPassword | Self::ResetEntraAccount | Self::Restore => {
                CHANGE_LIMIT
            }
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding, in memory that is wiped: a secret crosses standard input in this form.
pub(super) fn base64(bytes: &[u8]) -> Zeroizing<String> {
    // All the room it takes at once: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    for part in bytes.chunks(3) {
        let first = u32::from(part[0]);
        let (second, third) = (part.get(1).copied().map(u32::from), part.get(2).copied().map(u32::from));
        let bits = first << 16 | second.unwrap_or(0) << 8 | third.unwrap_or(0);
        let letter = |shift: u32| char::from(ALPHABET[(bits >> shift & 63) as usize]);
        text.push(letter(18));
        text.push(letter(12));
        text.push(if second.is_some() { letter(6) } else { '=' });
        text.push(if third.is_some() { letter(0) } else { '=' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longest command line of CreateProcessW, in characters.
    const COMMAND_LINE_MAX: usize = 32_767;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(*base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn every_script_fits_a_command_line_and_is_plain() {
        for script in Script::ALL {
            let line: usize = script.arguments().iter().map(|argument| argument.len() + 1).sum();
            assert!(line + 300 < COMMAND_LINE_MAX, "{} takes {line} characters", script.name());
            // Another end of line would be another hash.
            assert!(script.text().is_ascii() && !script.text().contains('\r'), "{}", script.name());
        }
    }

    #[test]
    fn only_those_that_say_so_before_may_act() {
        // `acting` is what tells "surely unchanged" from "may have happened" when an answer is lost.
        const ACTING: [&str; 6] = [
            "Set-ADSyncScheduler",
            "Add-ADSync",
            "Invoke-ADSyncRunProfile",
            "Register-",
            "Unregister-",
            "Stop-ScheduledTask",
        ];
        for script in Script::ALL.into_iter().filter(|script| *script != Script::Restore) {
            let text = &script.text()[include_str!("scripts/common.ps1").len()..];
            let said = text.find("Write-Acting");
            assert_eq!(said.is_some(), script.acts(), "{}", script.name());
            let first = ACTING.iter().filter_map(|cmdlet| text.find(cmdlet)).min();
            assert_eq!(first.is_some(), script.acts(), "{}", script.name());
            assert!(said <= first || first.is_none(), "{} acts before it says so", script.name());
        }
    }
}
