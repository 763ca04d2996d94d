use std::time::Duration;

/// How long a database may be away, or change over to another server, before whoever asks is told so.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long one try may take.
pub(super) const TRY_LIMIT: Duration = Duration::from_secs(30);

/// The pause between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// Does some work on a connection, and again while the connection, the server or its readiness for writes is lost, within
/// [`PATIENCE`]. The second name tells the work whether a try before may have been done.
macro_rules! patiently {
    ($hosts:expr, $place:expr, |$connection:ident, $again:ident| $work:expr) => {{
        let (hosts, told) = (&$hosts, std::sync::Mutex::new(String::new()));
        let tries = async {
            let mut $again = false;
            loop {
                let lost = match hosts.connection().await {
                    Ok(mut used) => {
                        let $connection = &mut used.connection;
                        match tokio::time::timeout($crate::journal::postgres::patience::TRY_LIMIT, $work).await {
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
                            Err(_) => format!("no answer within {:?}", $crate::journal::postgres::patience::TRY_LIMIT),
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
        match tokio::time::timeout($crate::journal::postgres::patience::PATIENCE, tries).await {
            Ok(done) => done,
            Err(_) => {
                let last = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
                tracing::warn!(place = %$place, last, "the database is away");
                Err(Trouble::Lost(format!("no server answered within {:?}; the last: {last}", $crate::journal::postgres::patience::PATIENCE)))
            }
        }
    }};
}
pub(super) use patiently;
