//! Years of unattended service on a journal in SQLite, and what must bring no surprise.

mod course;
mod surprise;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use entra_rotator::daemon::Keeper;
use entra_rotator::journal::{Journal, Place, SqliteJournal};
use tokio::sync::Notify;

use course::luck::Dice;
use course::{Blow, Course, DAY, Estate, House, Shift, YEARS, number};

const SITES: usize = 250;

#[test]
fn three_years_of_a_thousand_accounts() {
    course::alone("soak::three_years_of_a_thousand_accounts", || async {
        let scale = number(course::SCALE, 1);
        let course = Course {
            sites: SITES / usize::try_from(scale).expect("a number"),
            length: YEARS / u32::try_from(scale).expect("a number"),
            blow_every: 14 * DAY,
        };
        course.run(&mut OneService::new().await).await;
    });
}

/// A folder in memory where there is one: what is tested is not the disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

/// One service and its file.
struct OneService {
    _folder: tempfile::TempDir,
    file: PathBuf,
    journal: Arc<dyn Journal>,
    killed: Arc<Notify>,
    kills: Arc<AtomicUsize>,
}

impl OneService {
    async fn new() -> Self {
        let folder = folder();
        let file = folder.path().join("journal.db");
        let journal = Arc::new(SqliteJournal::open(&file).await.expect("a journal"));
        Self { _folder: folder, file, journal, killed: Arc::default(), kills: Arc::default() }
    }
}

#[async_trait(?Send)]
impl House for OneService {
    fn place(&self) -> Place {
        Place::File(self.file.clone())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.journal)
    }

    fn blows(&self) -> Vec<Blow> {
        let (killed, kills) = (Arc::clone(&self.killed), Arc::clone(&self.kills));
        let kill = move || {
            kills.fetch_add(1, Ordering::SeqCst);
            killed.notify_one();
        };
        vec![Blow::Own(Arc::new(kill)), Blow::Stop]
    }

    async fn serve(&mut self, estate: &Estate, dice: &mut Dice) {
        let Shift { clock, board, mut listener, orders: _orders } = estate.shift();
        let (world, journal, sink) = (Arc::clone(&estate.world), self.journal(), Arc::clone(&estate.sink));
        let new = Keeper::new(world, journal, Arc::new(clock), estate.setting.clone(), board, sink);
        let mut keeper = new.await.expect("a keeper");
        let lag = dice.throw(400);
        let killed = async {
            self.killed.notified().await;
            // So that the end may come anywhere in a job.
            for _ in 0..lag {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = keeper.run(&mut listener) => { ended.expect("the journal works"); }
            () = killed => {}
        }
        drop(keeper);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    async fn close(&mut self, _: &Estate) -> Vec<String> {
        println!("kills {}", self.kills.load(Ordering::SeqCst));
        Vec::new()
    }

    async fn bytes(&mut self) -> u64 {
        let length = |end| Some(std::fs::metadata(format!("{}{end}", self.file.display())).ok()?.len());
        ["", "-wal"].into_iter().filter_map(length).sum()
    }
}
