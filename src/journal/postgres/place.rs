use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use providers::port::{Fault, Secret};

/// A database of PostgreSQL, and how long its leases last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresPlace {
    /// Servers, each with its port; a name that begins with `/` is the folder of a socket. They are tried in turn, and the one
    /// that takes writes is used.
    pub hosts: Vec<(String, u16)>,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password; none = the server asks for none (a socket's owner, a client certificate).
    pub password: Option<Password>,
    /// TLS with a certificate that fits the host's name.
    pub tls: bool,
    /// Certificate authorities to trust beside the machine's own, PEM.
    pub ca_file: Option<PathBuf>,
    /// A client certificate and its key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
    /// How long a lease lasts that is not renewed.
    pub lease: Duration,
}

impl fmt::Display for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        write!(f, "database {} on {}", self.database, hosts.join(", "))
    }
}

/// How a password is asked for, at each connection anew: it may have been rotated.
#[derive(Clone)]
pub struct Password(Arc<dyn Fn() -> Result<Secret, Fault> + Send + Sync>);

impl Password {
    /// Asked for by `read`.
    pub fn new(read: impl Fn() -> Result<Secret, Fault> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(super) fn read(&self) -> Result<Secret, Fault> {
        (self.0)()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Another password makes no other place.
impl PartialEq for Password {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Password {}
