//! AbandonKey: a person abandons the engine's encryption key, because the reset destroyed what protects it.
//!
//! Before: the service is stopped, the service manager has the password. After: the next start makes a fresh key, and
//! no connector has a password. If we die here: nothing shows whether it was done, so the person is asked again, and may
//! confirm what was done already. The program never runs `miiskmu.exe`: it has no documented quiet switch.

use providers::port::Fault;

use crate::engine::Question;
use crate::engine::scene::{Acted, Scene};
use crate::rotation::Seen;

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let question = Question {
        title: format!("the encryption key on {server} must be abandoned by you, at its own console"),
        lines: vec![
            format!("1. Log on to {server} itself as a member of its Administrators and of ADSyncAdmins; not over a remote session."),
            "2. The ADSync service is stopped: leave it so.".to_owned(),
            "3. In a command prompt, in the folder of miiserver.exe (…\\Microsoft Azure AD Sync\\Bin), run: miiskmu.exe /a".to_owned(),
            "4. Confirm its warning. If you ran it already after this rotation's reset, do not run it again.".to_owned(),
        ],
        word: "abandoned",
    };
    scene.ports.operator.ask(&question).await?;
    Ok(Acted::Done(Seen::Nothing))
}
