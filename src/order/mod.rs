//! What somebody wants done with an account, carried out under its leases: by a person at the command line or by the
//! unattended service, in the same way.
//!
//! `wanted` is what is ordered, `demand` what a person wants of the service, `mark` what that person saw, `window` whether it is the time for it; `rotate`
//! begins, `open` goes on with what was begun, `late` proves once more; `knowledge` is
//! what the journal tells a preflight; `roster` says who is to be rotated when, `ledger` and `standing` what the journal knows
//! of that, `status` what a person is shown of it; `leases` keep others away, `permit` what nobody approved; `chain` checks the
//! history, `signer` signs it; `came` and `exit` say what came of it, `told` why.

mod brake;
mod came;
mod chain;
mod cut;
mod demand;
mod exit;
mod knowledge;
mod late;
mod leases;
mod ledger;
mod mark;
mod open;
mod permit;
mod prepare;
mod roster;
mod rotate;
mod signer;
mod standing;
mod status;
mod teller;
mod told;
mod wanted;
mod window;

pub use brake::Brake;
pub use came::{Came, done_word, state_word, still_paused};
pub use chain::{Lines, Page, verify};
pub use cut::cut;
pub use demand::{Deed, Demand};
pub use exit::Exit;
pub use knowledge::sharing;
pub use late::{newest_finished, overdue, prove_late};
pub use leases::{holder, host, initiator, initiator_names, leases};
pub use ledger::{Answer, Attempt, Ledger, Ordered, Raised};
pub use mark::Mark;
pub use open::{Order, each_open_as_seen, each_open_of, open_rotations};
pub use prepare::{NotPrepared, look, prepare};
pub use roster::{Post, Roster, rank, record_population};
pub use rotate::rotate;
pub use signer::{Signer, SignerStanding, Unsigned, undelivered};
pub use standing::Account;
pub use status::{AccountStatus, ConditionStatus, LateProofStatus, Status};
pub use teller::{Context, Teller};
pub use told::{busy, journal_failed, sentence, stopped, told};
pub use wanted::{Approved, Wanted, control_character};
pub use window::{COMPROMISE, closed, is_compromise, is_outside, next_window};
