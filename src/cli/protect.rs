//! `protect`: encrypts a secret of the rotator's own for this Windows machine, as `{ dpapi = … }` in the configuration
//! reads it.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use providers::port::Secret;
use zeroize::Zeroizing;

use super::arguments::ProtectOptions;
use super::output::say;
use crate::config;
use crate::order::Exit;

/// Longest secret, in bytes.
const BYTES_MAX: u64 = 64 * 1024;

pub(super) fn run(options: &ProtectOptions) -> Exit {
    match secret().and_then(|secret| write_new(&options.out, &secret)) {
        Ok(()) => {
            say(&format!("name it in the configuration: {{ dpapi = '{}' }}", options.out.display()));
            Exit::Done
        }
        Err(cause) => {
            say(&cause);
            Exit::Usage
        }
    }
}

/// Typed at the terminal, or all of standard input without the end of its last line.
fn secret() -> Result<Secret, String> {
    let text = if std::io::stdin().is_terminal() {
        Zeroizing::new(
            rpassword::prompt_password("The secret (it is not shown): ")
                .map_err(|cause| format!("the terminal can't be read: {cause}"))?,
        )
    } else {
        // It never grows: bytes that move leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(BYTES_MAX as usize + 2));
        let read = std::io::stdin().take(BYTES_MAX + 1).read_to_string(&mut text);
        if read.map_err(|cause| format!("standard input can't be read: {cause}"))? as u64 > BYTES_MAX {
            return Err(format!("that is no secret: it is longer than {BYTES_MAX} bytes"));
        }
        text
    };
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() { Err("there is no secret to protect".to_owned()) } else { Ok(Secret::new(secret)) }
}

fn write_new(path: &Path, secret: &Secret) -> Result<(), String> {
    let told = |cause: std::io::Error| format!("{} was not written: {cause}", path.display());
    let protected = config::protect(secret).map_err(told)?;
    let mut file = std::fs::File::options().write(true).create_new(true).open(path).map_err(told)?;
    file.write_all(&protected).and_then(|()| file.sync_all()).map_err(told)
}
