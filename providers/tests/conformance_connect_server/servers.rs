//! Ways to an agent through somebody else's server, on loopback: OpenSSH's, and the stand-in of WinRM's listener. One
//! server does for all sites: which lab is meant stands in the command.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use providers::entra_connect::ssh::{Settings as SshSettings, SshTransport};
use providers::entra_connect::winrm::{Settings as WinrmSettings, WinrmTransport};
use providers::entra_connect::{Answer, Broken, Transport};
use providers::port::Secret;
use zeroize::Zeroizing;

use crate::lab::{LabSubject, Labs, Place};
use crate::sshd::Sshd;
use crate::winrm_server::{HOST, PASSWORD, Server};
use crate::wire::AGENT;
use crate::{NotThere, over};

/// Where nobody listens.
const CLOSED_PORT: u16 = 1;

/// Two ways to one agent: the usual one, and one to a port where nobody listens. So what a closed way means is said by
/// the transport itself.
struct Doors<T> {
    usual: T,
    shut: T,
    closed: Arc<AtomicBool>,
}

#[async_trait]
impl<T: Transport> Transport for Doors<T> {
    fn address(&self) -> &str {
        self.usual.address()
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        let way = if self.closed.load(Ordering::SeqCst) { &self.shut } else { &self.usual };
        way.exchange(request, limit).await
    }
}

/// The lab's agent behind a real sshd.
pub(crate) fn ssh(labs: &Arc<Labs>) -> Result<LabSubject, NotThere> {
    let here = |program: &str| runs(Command::new(program).arg("-V"));
    if !["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].iter().any(|file| Path::new(file).exists()) {
        return Err(NotThere("no sshd is installed (tests/testbed/packages-ssh.txt)"));
    }
    if !here("ssh") {
        return Err(NotThere("no OpenSSH client is installed (tests/testbed/packages-ssh.txt)"));
    }
    let sshd = Sshd::start();
    // The server is known at both ports, so that it is the connection that fails.
    let known = fs::read_to_string(sshd.path("known_hosts")).expect("the file of known hosts");
    let also = known.replace(&format!(":{} ", sshd.port), &format!(":{CLOSED_PORT} "));
    fs::write(sshd.path("known_hosts"), known + &also).expect("the file of known hosts");
    let transport = move |place: &Place| {
        let usual = sshd.settings(&command(place));
        let shut = SshSettings { port: CLOSED_PORT, ..usual.clone() };
        let closed = Arc::clone(&place.closed);
        Doors { usual: SshTransport::new(usual), shut: SshTransport::new(shut), closed }
    };
    Ok(LabSubject { log_of: &["providers", "russh"], ..over(labs, true, transport) })
}

/// The lab's agent behind the stand-in of WinRM's listener, with a logon by NTLM.
pub(crate) fn winrm(labs: &Arc<Labs>) -> Result<LabSubject, NotThere> {
    if !runs(Command::new("python3").args(["-m", "pip", "--version"])) {
        return Err(NotThere("python3 with pip is not installed (tests/testbed/packages-vault.txt)"));
    }
    let server = Server::new();
    let transport = move |place: &Place| {
        let usual = server.settings(&command(place));
        let shut = WinrmSettings { url: format!("https://{HOST}:{CLOSED_PORT}/wsman"), ..usual.clone() };
        let made = |settings| WinrmTransport::new(settings).expect("a sound url");
        Doors { usual: made(usual), shut: made(shut), closed: Arc::clone(&place.closed) }
    };
    let subject = over(labs, true, transport);
    Ok(LabSubject { log_of: &["providers", "rustls"], own_secrets: vec![Secret::new(PASSWORD)], ..subject })
}

/// This program as the agent of the lab there, as a shell reads it.
fn command(place: &Place) -> String {
    let program = std::env::current_exe().expect("this program's own path");
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    format!("{} {AGENT} {}", quoted(&program), quoted(&place.dir))
}

/// Whether a program is there and content with its arguments.
fn runs(command: &mut Command) -> bool {
    let done = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}
