//! The page that the service shows: what is seen on it and how, as values and their HTML. It knows no journal, no clock and
//! no connection; `daemon/http` fills it and sends it.
//!
//! Server-rendered and without script: every page is whole when it arrives. Texts from outside are [`Text`](crate::report::Text),
//! escaped by the templates. A state is told by a mark and a word, never by colour alone.
//!
//! `frame` is what every page has around it; `accounts`, `running`, `held`, `history`, `rotation`, `conditions`, `reports`,
//! `order`, `login` and `message` are the pages; `part` is one of several pages of a list, `word` a state in words, `link` a way to
//! another page.

mod accounts;
mod conditions;
mod frame;
mod held;
mod history;
mod link;
mod login;
mod message;
mod order;
mod part;
mod reports;
mod rotation;
mod running;
mod word;

pub use accounts::{Account, Accounts, AccountsFilter, AgeOf, Next};
pub use conditions::{Condition, Conditions};
pub use frame::{Frame, Here, Service};
pub use held::{Held, HeldRotation};
pub use history::{Filter, History, HistoryRow, ROWS};
pub use link::{Pairs, of_held, of_order, of_running, pairs, value_of};
pub use login::Login;
pub use message::Message;
pub use order::{Answered, Order, Ordered};
pub use part::Part;
pub use reports::{Reports, Wanted, file_name};
pub use rotation::OneRotation;
pub use running::{Running, RunningRotation, RunningStep};
pub use word::{Tone, Word};

/// The style of every page, but the report's.
pub const STYLE: &str = include_str!("../../templates/page/style.css");

/// The mark of the program in a browser's tab.
pub const ICON: &str = include_str!("../../templates/page/icon.svg");
