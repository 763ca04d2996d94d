use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use providers::port::Fault;
use tokio::sync::mpsc;

use super::board::{AtWork, Board};
use super::http::{self, Http, HttpSetting, Shown};
use super::keeper::{Keeper, Order, Setting, Sink};
use super::notary::Notary;
use super::{guard, http::is_alive};
use crate::clock::Clock;
use crate::config::NotifyConfig;
use crate::journal::{Busy, Journal, JournalError, Lease};
use crate::notify::{Heartbeat, Outbox, channels};
use crate::order::{Exit, busy, holder, journal_failed, sentence};
use crate::signals::{Reloads, Stops};
use crate::wiring::World;

/// How long notices may take that are still queued when the service ends.
const LAST_NOTICES: Duration = Duration::from_secs(20);

/// How long those may take that were queued before a reload.
const OLD_NOTICES: Duration = Duration::from_secs(2 * 3600);

/// How often the channels' state is put on the board.
const CHANNELS_EVERY: Duration = Duration::from_secs(15);

/// How often a replica that stands by looks whether it is needed.
const STAND_BY_EVERY: Duration = Duration::from_secs(2);

/// How long one such look may take, and the one at the start: orders are heard in between.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// The name of the lease that keeps a second service away.
const SERVICE: &str = "the unattended service";

/// What the service needs.
pub struct Served {
    /// The world of the configuration.
    pub world: World,
    /// Whom it tells.
    pub notify: NotifyConfig,
    /// Health and metrics.
    pub http: HttpSetting,
    /// How it works.
    pub setting: Setting,
    /// Reads the configuration anew; `Err` = every fault.
    pub reload: Box<dyn Fn() -> Result<(World, NotifyConfig), String> + Send>,
    /// Told once it listens.
    pub listening: Box<dyn Fn(std::net::SocketAddr) + Send>,
}

/// Serves until a signal ends it. `Err` = why it could not begin, or had to end.
pub async fn serve(served: Served) -> Result<Exit, (String, Exit)> {
    let Served { world, notify, http, setting, reload, listening } = served;
    let mut world = Arc::new(world);
    let clock: Arc<dyn Clock> = Arc::clone(&world.ports().clock);
    let mut seat = match take_seat(&world, &mut None).await {
        Ok(seat) => Some(seat),
        // Another replica works, or the database is being looked after: not a reason to end.
        Err(Unseated::Taken(_) | Unseated::Journal(JournalError::Away { .. })) if world.journal_place.is_shared() => {
            None
        }
        Err(Unseated::Taken(taken)) => return Err(busy(&taken)),
        Err(Unseated::Journal(error)) => return Err(journal_failed(&error)),
    };
    let board = Arc::new(Board::default());
    // It begins, and is alive: health may be asked before the loop's first round.
    board.round(clock.monotonic(), AtWork::default());
    let unusable = |fault: Fault| (sentence(&fault), Exit::Usage);
    let postman = Postman::new(&notify).map_err(unusable)?;
    let sink: Sink = {
        let postman = postman.clone();
        Arc::new(move |notice| postman.outbox().post(notice))
    };
    board.seated(Arc::new(world.roster.clone()));
    let (orders, mut listener) = mpsc::channel(4);
    let shown = Shown {
        board: Arc::clone(&board),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&world.ports().entropy),
        journal: Arc::from(world.journal_place.open_to_look().await.map_err(|error| journal_failed(&error))?),
        place: world.journal_place.clone(),
        orders: orders.clone(),
    };
    let http = Http::start(&http, shown).map_err(unusable)?;
    let notary = Notary::new(Arc::clone(&world));
    // Before anybody is told that it is ready: whoever is told may send a signal at once.
    let unheard = |cause: std::io::Error| (format!("signals can't be had: {cause}"), Exit::Later);
    let (stops, reloads) = (Stops::heed().map_err(unheard)?, Reloads::heed().map_err(unheard)?);
    listening(http.address);
    let address = http.address.to_string();
    let beside = async {
        tokio::join!(
            heed_stop(stops, orders.clone()),
            heed_reload(reloads, orders, &*reload, &postman, &notary),
            guard::watch(&address, Arc::clone(&board), Arc::clone(&clock)),
            postman.beat(&board, &clock),
            postman.report(&board, &clock),
            notary.sign(&*clock),
        );
    };
    let working = async {
        loop {
            let (journal, lease) = match seat.take() {
                Some(seat) => seat,
                None => {
                    // It may have been read anew while this replica worked.
                    renew(&mut world, notary.world());
                    match stand_by(&mut world, &board, &clock, &mut listener).await {
                        Some(seat) => seat,
                        None => return Ok(Vec::new()),
                    }
                }
            };
            let (world, clock, board) = (Arc::clone(&world), Arc::clone(&clock), Arc::clone(&board));
            notary.works_on(Some(Arc::clone(&journal)));
            let keeping = async {
                let mut keeper = Keeper::new(world, journal, clock, setting.clone(), board, Arc::clone(&sink)).await?;
                let left = keeper.run(&mut listener).await?;
                notary.last().await;
                Ok(left)
            };
            let kept = lease.while_held(keeping).await;
            notary.works_on(None);
            match kept {
                Ok(Err(JournalError::LeaseLost { cause })) | Err(cause) => {
                    tracing::error!(cause, "the lease was lost: whatever was under way goes on where it is held now");
                }
                Ok(ended) => return ended,
            }
        }
    };
    let ended = tokio::select! {
        ended = working => ended,
        () = beside => unreachable_end(),
    };
    guard::ending();
    http.end();
    let lost = postman.outbox().close(LAST_NOTICES).await;
    if lost > 0 {
        tracing::error!(lost, "notices that nobody got");
    }
    match ended {
        Ok(left) if left.is_empty() => Ok(Exit::Done),
        Ok(left) => {
            tracing::warn!(left = left.join(", "), "parked: the next start goes on");
            Ok(Exit::Done)
        }
        // Worth another start, whatever it was: the disk may have room again.
        Err(error) => Err((journal_failed(&error).0, Exit::Later)),
    }
}

/// The journal, with the right to be the one service that works on it.
type Seat = (Arc<dyn Journal>, Lease);

/// Why there is no seat.
enum Unseated {
    /// Somebody has it, or nobody can tell.
    Taken(Busy),
    /// The journal can't be opened.
    Journal(JournalError),
}

/// Tries once. `kept`: the journal of a try before, whose session lives on.
async fn take_seat(world: &World, kept: &mut Option<Arc<dyn Journal>>) -> Result<Seat, Unseated> {
    let tried = async {
        let journal = match kept {
            Some(journal) => Arc::clone(journal),
            None => Arc::clone(kept.insert(Arc::from(world.journal().await.map_err(Unseated::Journal)?))),
        };
        match journal.lease(&[SERVICE.to_owned()], &holder()).await {
            Ok(lease) => Ok((journal, lease)),
            Err(taken) => {
                // A session that is over, or was never there, takes nothing any more.
                if !matches!(taken, Busy::Held { .. }) {
                    *kept = None;
                }
                Err(Unseated::Taken(taken))
            }
        }
    };
    if !world.journal_place.is_shared() {
        return tried.await;
    }
    let cause = || format!("no answer within {} s", LOOK_LIMIT.as_secs());
    let away = || JournalError::Away { path: world.journal_place.to_string(), cause: cause() };
    tokio::time::timeout(LOOK_LIMIT, tried).await.unwrap_or_else(|_| Err(Unseated::Journal(away())))
}

/// Another configuration counts, but for another journal: that takes effect at the next start only.
fn renew(world: &mut Arc<World>, newest: Arc<World>) {
    if newest.journal_place == world.journal_place {
        *world = newest;
    } else {
        tracing::error!("the journal is another one in the configuration: that takes effect at the next start only");
    }
}

/// Waits until the service that works on the journal is gone. `None` = told to end.
async fn stand_by(
    world: &mut Arc<World>,
    board: &Board,
    clock: &Arc<dyn Clock>,
    orders: &mut mpsc::Receiver<Order>,
) -> Option<Seat> {
    let (mut said, mut journal) = (String::new(), None);
    loop {
        board.round(clock.monotonic(), AtWork::default());
        let (why, told) = match take_seat(world, &mut journal).await {
            Ok(seat) => {
                tracing::info!("nobody else works on the journal: this replica does from now on");
                board.stands_by(None);
                return Some(seat);
            }
            // How long its lease lasts changes each time.
            Err(Unseated::Taken(Busy::Held { holder, .. })) => {
                (holder.clone(), holder.split(" (").next().unwrap_or_default().to_owned())
            }
            Err(Unseated::Taken(taken)) => (taken.to_string(), taken.to_string()),
            Err(Unseated::Journal(error)) => (error.to_string(), error.to_string()),
        };
        if said != told {
            tracing::info!(works = told, "standing by");
            said = told;
        }
        board.stands_by(Some(why));
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Reload(renewed)) => {
                    renew(world, renewed);
                    board.seated(Arc::new(world.roster.clone()));
                }
                Some(Order::Faulty(_)) => {}
                Some(Order::Demand(_, answer)) => {
                    let _ = answer.send(Err(standing_by(&said)));
                }
                Some(Order::Stop) | None => return None,
            },
            () = clock.sleep(STAND_BY_EVERY) => {}
        }
    }
}

/// What is said to a person who orders something of a process that stands by.
pub(super) fn standing_by(works: &str) -> String {
    format!("this process stands by and begins nothing. What works: {works}\nnext step: order it there")
}

/// What runs beside the keeper never ends by itself.
fn unreachable_end<T>() -> Result<Vec<T>, JournalError> {
    Ok(Vec::new())
}

async fn heed_stop(mut stops: Stops, orders: mpsc::Sender<Order>) {
    loop {
        stops.next().await;
        guard::ending();
        // A keeper that is gone needs no order.
        let _ = orders.send(Order::Stop).await;
    }
}

async fn heed_reload(
    mut reloads: Reloads,
    orders: mpsc::Sender<Order>,
    reload: &(dyn Fn() -> Result<(World, NotifyConfig), String> + Send),
    postman: &Postman,
    notary: &Notary,
) {
    loop {
        reloads.next().await;
        let order = match reload().and_then(|(world, notify)| {
            let renewed = postman.renew(&notify).map_err(|fault| sentence(&fault));
            renewed.map(|()| world)
        }) {
            Ok(world) => {
                tracing::info!("the configuration was read anew");
                let world = Arc::new(world);
                notary.renew(Arc::clone(&world));
                Order::Reload(world)
            }
            Err(faults) => {
                tracing::error!(faults, "the configuration has faults: the old one stays");
                Order::Faulty(faults)
            }
        };
        let _ = orders.send(order).await;
    }
}

/// The channels as the configuration last described them.
#[derive(Clone)]
struct Postman(Arc<Mutex<Channels>>);

struct Channels {
    outbox: Arc<Outbox>,
    heartbeat: Option<Arc<Heartbeat>>,
}

impl Channels {
    fn of(config: &NotifyConfig) -> Result<Self, Fault> {
        let heartbeat = Heartbeat::new(config)?.map(Arc::new);
        Ok(Self { outbox: Arc::new(Outbox::start(channels(config)?)), heartbeat })
    }
}

impl Postman {
    fn new(config: &NotifyConfig) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Mutex::new(Channels::of(config)?))))
    }

    fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner).outbox)
    }

    fn heartbeat(&self) -> Option<Arc<Heartbeat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).heartbeat.clone()
    }

    /// The new channels; the old ones get some time to deliver what they hold, though the metrics are of the new ones.
    fn renew(&self, config: &NotifyConfig) -> Result<(), Fault> {
        let channels = Channels::of(config)?;
        let old = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), channels);
        tokio::spawn(async move {
            let lost = old.outbox.close(OLD_NOTICES).await;
            if lost > 0 {
                tracing::error!(lost, "notices of before the reload that nobody got");
            }
        });
        Ok(())
    }

    /// Beats for an outside service that misses it: the only notice that a dead machine can give.
    async fn beat(&self, board: &Board, clock: &Arc<dyn Clock>) {
        loop {
            let Some(heartbeat) = self.heartbeat() else {
                clock.sleep(http::ALIVE_WITHIN).await;
                continue;
            };
            let well = is_alive(board, &**clock) && !board.conditions().contains_key("nothing-succeeded");
            if let Err(undelivered) = heartbeat.beat(well).await {
                tracing::warn!(cause = undelivered.cause, "the heartbeat was not delivered");
            }
            clock.sleep(heartbeat.every()).await;
        }
    }

    async fn report(&self, board: &Board, clock: &Arc<dyn Clock>) {
        loop {
            board.channels(self.outbox().state());
            clock.sleep(CHANNELS_EVERY).await;
        }
    }
}
