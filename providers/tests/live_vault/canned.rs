//! An HTTPS server with answers of the test's own, for what a real vault does not do on demand.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const READ_LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct Canned {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// Answers every request with `answer`, byte for byte, and closes.
    pub(crate) fn answering(certificate: &Path, key: &Path, answer: String) -> Self {
        Self::answering_by(certificate, key, move |_| answer.clone())
    }

    /// Answers with what `answer` makes of the request, and closes. Its thread ends with the test's process.
    pub(crate) fn answering_by<A>(certificate: &Path, key: &Path, answer: A) -> Self
    where
        A: Fn(&str) -> String + Send + 'static,
    {
        let chain = vec![CertificateDer::from_pem_file(certificate).expect("no certificate")];
        let key = PrivateKeyDer::from_pem_file(key).expect("no key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("no TLS versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("certificate and key do not match");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("no free port");
        let port = listener.local_addr().expect("no address").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(READ_LIMIT)).expect("no limit");
                let connection = ServerConnection::new(Arc::clone(&config)).expect("no connection");
                let mut stream = StreamOwned::new(connection, stream);
                let mut head = Vec::new();
                let mut part = [0; 4096];
                while !is_whole(&head) {
                    match stream.read(&mut part) {
                        Ok(count) if count > 0 => head.extend_from_slice(&part[..count]),
                        _ => break,
                    }
                }
                let request = String::from_utf8_lossy(&head).into_owned();
                let answer = answer(&request);
                seen.lock().expect("poisoned").push(request);
                // A client that is gone is part of some tests.
                let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Self { port, heads }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// All requests so far, with their bodies.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("poisoned").clone()
    }
}

/// Whether head and body are there.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}
