//! The last moment before a request leaves: the connection stands, its certificate is verified, and nothing is sent yet.
//! There the tenure is asked. Sooner would be too soon: whoever is suspended while it connects comes back to a connection
//! that is ready, and sends.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::port::{Fault, tenure};

type AnyError = Box<dyn Error + Send + Sync>;

tokio::task_local! {
    /// Set while a request is on its way that may change something.
    static CHANGING: ();
}

/// Sends a request that may change something. The client above it connects in the caller's own task.
pub(super) async fn changing<F: Future>(sending: F) -> F::Output {
    CHANGING.scope((), sending).await
}

/// Why a request was not sent, if it is that.
pub(super) fn not_held<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(NotHeld(fault)) = error.downcast_ref::<NotHeld>() {
            return Some(fault);
        }
        next = error.source();
    }
    None
}

/// As the client above takes errors.
#[derive(Debug)]
struct NotHeld(Fault);

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.cause)
    }
}

impl Error for NotHeld {}

/// Stands between a connection and the request that wants it.
#[derive(Clone, Copy)]
pub(super) struct Gate;

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner }
    }
}

/// Connects, then asks.
#[derive(Clone)]
pub(super) struct Gated<S> {
    inner: S,
}

impl<S, To> Service<To> for Gated<S>
where
    S: Service<To, Error = AnyError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = AnyError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, AnyError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, to: To) -> Self::Future {
        let connecting = self.inner.call(to);
        Box::pin(async move {
            let connection = connecting.await?;
            if CHANGING.try_with(|()| ()).is_ok() {
                tenure::held("").await.map_err(|fault| Box::new(NotHeld(fault)) as AnyError)?;
            }
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use crate::https::{Effect, Peer, build, builder, sent};
    use crate::port::tenure::{Tenure, within};
    use crate::port::{Fault, Meaning};

    /// Held until it is taken away.
    #[derive(Default)]
    struct Taken(AtomicBool);

    #[async_trait]
    impl Tenure for Taken {
        async fn holds(&self) -> Result<(), String> {
            if self.0.load(Ordering::SeqCst) { Err("another one has it".to_owned()) } else { Ok(()) }
        }
    }

    /// A server whose handshake takes a while, in which the tenure is taken away; and how many bytes of requests it read.
    async fn asked(effect: Effect, taken: bool) -> (Result<u16, Fault>, usize) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let theirs = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a server");
        let ours = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let port = listener.local_addr().expect("an address").port();
        let (tenure, read) = (Arc::new(Taken::default()), Arc::new(AtomicUsize::new(0)));
        let (away, count) = (Arc::clone(&tenure), Arc::clone(&read));
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a client");
            // As if the client were suspended between connecting and sending.
            tokio::time::sleep(Duration::from_millis(100)).await;
            away.0.store(taken, Ordering::SeqCst);
            let Ok(mut tls) = TlsAcceptor::from(Arc::new(theirs)).accept(tcp).await else { return };
            let mut part = [0; 1024];
            while let Ok(length @ 1..) = tls.read(&mut part).await {
                count.fetch_add(length, Ordering::SeqCst);
                let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        let client = build(builder(ours).https_only(true)).expect("a client");
        let request = client.post(format!("https://localhost:{port}/v1/secret")).body("a password");
        let peer = Peer { host: "localhost".to_owned(), port, trust: String::new(), certificate: None };
        let answer = within(Some(tenure), sent(request.send(), &peer, effect, "writing")).await;
        let answer = answer.map(|response| response.status().as_u16());
        drop(client);
        tokio::time::timeout(Duration::from_secs(5), server).await.expect("it ends").expect("no panic");
        (answer, read.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn a_write_whose_tenure_is_lost_while_it_connects_never_leaves() {
        let (answer, read) = asked(Effect::Write, true).await;
        let fault = answer.expect_err("it is not sent");
        assert_eq!((fault.meaning, fault.doing.as_str(), read), (Meaning::Refused, "writing", 0), "{fault}");
        for (effect, taken) in [(Effect::Write, false), (Effect::Read, true)] {
            let (answer, read) = asked(effect, taken).await;
            assert!(answer == Ok(204) && read > 0, "{effect:?} {taken}: {answer:?}, {read} bytes");
        }
    }
}
