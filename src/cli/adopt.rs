//! `adopt`: a password that a person knows becomes the vault's current value.

use std::io::Read;
use std::path::Path;

use providers::port::Secret;
use zeroize::Zeroizing;

use super::arguments::{AdoptOptions, Global};
use super::output::say;
use super::rotate;
use crate::engine::Purpose;
use crate::order::Exit;
use crate::order::Wanted;

/// Longest password that AD takes, in UTF-16 units.
const UNITS_MAX: usize = 256;

/// Most that is read, in bytes: as many as those units can have, and an end of line.
const BYTES_MAX: u64 = 3 * UNITS_MAX as u64 + 2;

const TOO_LONG: &str = "that is no password of the directory: it is longer than 256 characters";

pub(super) async fn run(global: &Global, options: &AdoptOptions) -> Exit {
    let given = match given(options.password_file.as_deref()) {
        Ok(given) => given,
        Err(cause) => {
            say(&format!(
                "{cause}\n  next step: give the password in use with --password-file FILE, or type it at a terminal"
            ));
            return Exit::Usage;
        }
    };
    let wanted = Wanted {
        purpose: Purpose::Adopt,
        reason: options.reason.clone(),
        ticket: options.ticket.clone(),
        given: Some(given),
        ..Wanted::default()
    };
    rotate::each(global, std::slice::from_ref(&options.account), &wanted).await
}

fn given(file: Option<&Path>) -> Result<Secret, String> {
    let mut text = Zeroizing::new(String::new());
    match file {
        Some(file) if file == Path::new("-") => read(std::io::stdin(), &mut text)?,
        Some(file) => {
            let opened =
                std::fs::File::open(file).map_err(|cause| format!("{} can't be read: {cause}", file.display()))?;
            read(opened, &mut text)?;
        }
        None => {
            let typed = rpassword::prompt_password("The password in use (it is not shown): ");
            text = Zeroizing::new(typed.map_err(|cause| format!("the terminal can't be read: {cause}"))?);
        }
    }
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.contains('\n') {
        return Err("a password of one line is expected".to_owned());
    }
    if password.encode_utf16().count() > UNITS_MAX {
        return Err(TOO_LONG.to_owned());
    }
    Ok(Secret::new(password))
}

fn read(source: impl Read, text: &mut String) -> Result<(), String> {
    source
        .take(BYTES_MAX + 1)
        .read_to_string(text)
        .map_err(|cause| format!("the password can't be read: {cause}"))
        .and_then(|length| if length as u64 > BYTES_MAX { Err(TOO_LONG.to_owned()) } else { Ok(()) })
}
