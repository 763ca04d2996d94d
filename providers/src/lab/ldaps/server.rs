//! The listeners: one for each controller of the model, all on one port.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::super::lab_handle::Lab;
use super::super::mishap::{Effect, Kind};
use super::certificate::{Authority, Certificate};
use super::session::{self, Place};
use crate::port::Fault;

/// To find a controller's address.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);
/// To shake hands.
const TLS_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection is held that never gets a handshake.
const STALL_LIMIT: Duration = Duration::from_secs(600);
/// How often a port is looked for that is free on all addresses.
const PORT_TRIES_MAX: u32 = 20;
/// Connections of one controller at a time.
const CONNECTIONS_MAX: usize = 256;
/// After a failed accept: the process may be short of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port on every address; 0 = one that is free.
    pub port: u16,
    /// What single controllers show instead of a good certificate, by their names.
    pub certificates: BTreeMap<String, Certificate>,
}

/// The model's controllers, being served. Dropped, they are gone, with all their connections.
#[derive(Debug)]
pub struct Serving {
    lab_dir: PathBuf,
    addresses: BTreeMap<String, SocketAddr>,
    /// In the order of the model: the first PDC emulator first.
    hosts: Vec<String>,
    ca_file: PathBuf,
    tasks: BTreeMap<String, AbortHandle>,
}

impl Serving {
    /// `ldaps://HOST:PORT` of every controller, in the model's order.
    pub fn urls(&self) -> Vec<String> {
        self.hosts.iter().map(|host| format!("ldaps://{host}:{}", self.port())).collect()
    }

    /// The port that all share.
    pub fn port(&self) -> u16 {
        self.addresses.values().next().map_or(0, SocketAddr::port)
    }

    /// The controllers' names, in the model's order.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The certificate of the CA that issued the controllers' certificates, PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The lab's folder.
    pub fn lab_dir(&self) -> &Path {
        &self.lab_dir
    }

    /// Turns one controller off: its connections are cut, new ones are refused.
    pub async fn stop(&mut self, host: &str) {
        let Some(task) = self.tasks.remove(host) else { return };
        task.abort();
        // The listener is gone when the task is.
        for _ in 0..STOP_TRIES_MAX {
            if task.is_finished() {
                return;
            }
            sleep(STOP_PAUSE).await;
        }
    }
}

const STOP_TRIES_MAX: u32 = 200;
const STOP_PAUSE: Duration = Duration::from_millis(5);

impl Drop for Serving {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

/// Serves every controller of the lab's model domain on its own loopback address. Call it within a tokio runtime.
///
/// A controller's name is an address or a name that resolves to one; any but a loopback address is refused.
pub async fn serve(lab: &Lab, options: &Options) -> Result<Serving, Fault> {
    let doing = "serving the lab's directory over LDAPS";
    if lab.is_in_memory() {
        return Err(Fault::refused(
            doing,
            "this lab is in memory, and the wire's certificates lie in the lab's folder",
        )
        .hint("make the lab in a folder"));
    }
    let hosts: Vec<String> = lab.books(|books| {
        let controllers = &books.world.domain(doing)?.controllers;
        Ok(controllers.iter().map(|controller| controller.host.clone()).collect())
    })?;
    let mut addresses = Vec::new();
    for host in &hosts {
        let address = loopback(host, doing).await?;
        if addresses.contains(&address) {
            return Err(Fault::refused(doing, format!("two controllers have the address {address}"))
                .hint("name the controllers by different loopback addresses, such as 127.0.0.2 and 127.0.0.3"));
        }
        addresses.push(address);
    }
    let authority = Authority::in_dir(lab.dir())?;
    let listeners = listen(&addresses, options.port, doing).await?;
    let mut serving = Serving {
        lab_dir: lab.dir().to_owned(),
        addresses: BTreeMap::new(),
        hosts: hosts.clone(),
        ca_file: authority.file(),
        tasks: BTreeMap::new(),
    };
    for (at, (host, listener)) in hosts.into_iter().zip(listeners).enumerate() {
        let certificate = options.certificates.get(&host).copied().unwrap_or_default();
        let acceptor = TlsAcceptor::from(authority.server_config(&host, certificate)?);
        let address = listener.local_addr().map_err(|error| Fault::broken(doing, error.to_string()))?;
        let place = Place { lab: lab.clone(), at, host: Arc::from(host.as_str()) };
        serving.addresses.insert(host.clone(), address);
        serving.tasks.insert(host, tokio::spawn(accept(listener, acceptor, place)).abort_handle());
    }
    Ok(serving)
}

async fn loopback(host: &str, doing: &str) -> Result<IpAddr, Fault> {
    let hint = "name the lab's controllers by loopback addresses (lab init --addresses), or enter their names in the \
                hosts file";
    let found = timeout(RESOLVE_LIMIT, lookup_host((host, 0)))
        .await
        .map_err(|_| Fault::refused(doing, format!("{host} is not resolved in time")).hint(hint))?
        .map_err(|error| Fault::refused(doing, format!("{host} has no address: {error}")).hint(hint))?;
    let mut addresses = found.map(|address| address.ip());
    match addresses.next() {
        Some(address) if address.is_loopback() => Ok(address),
        Some(address) => {
            Err(Fault::refused(doing, format!("{host} is {address}, which is not this machine alone")).hint(hint))
        }
        None => Err(Fault::refused(doing, format!("{host} has no address")).hint(hint)),
    }
}

/// Listens on all addresses, on one port.
async fn listen(addresses: &[IpAddr], port: u16, doing: &str) -> Result<Vec<TcpListener>, Fault> {
    let mut last = String::new();
    for _ in 0..if port == 0 { PORT_TRIES_MAX } else { 1 } {
        let mut listeners = Vec::new();
        let mut common = port;
        for address in addresses {
            match TcpListener::bind((*address, common)).await {
                Ok(listener) => {
                    common = listener.local_addr().map_or(common, |address| address.port());
                    listeners.push(listener);
                }
                Err(error) => {
                    last = format!("{address} port {common}: {error}");
                    break;
                }
            }
        }
        if listeners.len() == addresses.len() {
            return Ok(listeners);
        }
    }
    Err(Fault::refused(doing, last).hint("choose a port that is free and above 1023"))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, place: Place) {
    // Ends with the task: whatever is in it is aborted.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() < CONNECTIONS_MAX {
            connections.spawn(connection(stream, acceptor.clone(), place.clone()));
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, place: Place) {
    let ordered = place.lab.books(|books| Ok(books.faults.mishaps(Kind::Connect, &place.host)));
    match ordered.unwrap_or_default().first() {
        Some(Effect::Late(ms)) => sleep(Duration::from_millis(*ms)).await,
        Some(Effect::Stall) => return sleep(STALL_LIMIT).await,
        Some(_) => return,
        None => {}
    }
    if stream.set_nodelay(true).is_err() {
        return;
    }
    match timeout(TLS_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(wire)) => session::run(wire, place).await,
        Ok(Err(error)) => tracing::debug!(%error, host = %place.host, "no TLS with this client"),
        Err(_) => tracing::debug!(host = %place.host, "a client did not shake hands in time"),
    }
}
