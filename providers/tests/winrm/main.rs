//! The transport by WinRM against the stand-in that tests/testbed/winrm-check holds to pywinrm and pypsrp.
// needs: packages-vault.txt

mod bed;
mod course;
mod cuts;
#[cfg(feature = "kerberos")]
mod kerberos;
mod logons;
mod quiet;
mod server;
mod strangers;
