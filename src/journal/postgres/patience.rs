use std::time::Duration;

/// How long a database may be away, or change over to another server, before whoever asks is told so.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long one try may take.
pub(super) const TRY_LIMIT: Duration = Duration::from_secs(30);

/// The pause between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// Does some work on a connection, and again while the connection, the server or its readiness for writes is lost, within
/// [`PATIENCE`], or the limit that it names for itself. The second name tells the work whether a try before may have been done.
macro_rules! patiently {
    ($hosts:expr, $place:expr, |$connection:ident, $again:ident| $work:expr) => {{
        use $crate::journal::postgres::patience::{PATIENCE, TRY_LIMIT};
        patiently!($hosts, $place, (PATIENCE, TRY_LIMIT), |$connection, $again| $work)
    }};
    ($hosts:expr, $place:expr, within $limit:expr, |$connection:ident, $again:ident| $work:expr) => {
        patiently!($hosts, $place, ($limit, $limit), |$connection, $again| $work)
    };
    ($hosts:expr, $place:expr, ($patience:expr, $try_limit:expr), |$connection:ident, $again:ident| $work:expr) => {{
        let (hosts, told) = (&$hosts, std::sync::Mutex::new(String::new()));
        let tries = async {
            let mut $again = false;
            loop {
                let lost = match hosts.connection().await {
                    Ok(mut used) => {
                        let $connection = &mut used.connection;
                        match tokio::time::timeout($try_limit, $work).await {
                            Ok(Ok(done)) => {
                                hosts.keep(used);
                                break Ok(done);
                            }
                            Ok(Err(Trouble::Journal(error))) => {
                                // The transaction ends now, and with it the lock on the chain's end: by itself it would
                                // when the connection is used next.
                                if sqlx::Connection::ping($connection).await.is_ok() {
                                    hosts.keep(used);
                                }
                                break Err(Trouble::Journal(error));
                            }
                            Ok(Err(Trouble::Lost(cause))) => cause,
                            Ok(Err(no)) => break Err(no),
                            Err(_) => format!("no answer within {:?}", $try_limit),
                        }
                    }
                    Err(Trouble::Lost(cause)) => cause,
                    Err(no) => break Err(no),
                };
                $again = true;
                hosts.forget();
                *told.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = lost;
                tokio::time::sleep($crate::journal::postgres::patience::PAUSE).await;
            }
        };
        match tokio::time::timeout($patience, tries).await {
            Ok(done) => done,
            Err(_) => {
                let last = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
                tracing::warn!(place = %$place, last, "the database is away");
                Err(Trouble::Lost(format!("no server answered within {:?}; the last: {last}", $patience)))
            }
        }
    }};
}
pub(super) use patiently;
