//! The lab's vault behind the port.

use async_trait::async_trait;

use super::directory::own_credential;
use super::lab_handle::{Lab, Request};
use super::store::Books;
use crate::port::{Attempt, Fault, OwnCredential, Secret, SecretRef, Slot, Standing, Vault, VaultCheck};
use crate::vault_book::slot_word;

pub(super) struct LabVault {
    pub(super) lab: Lab,
}

fn out_of_reach(books: &mut Books, fault: &str, doing: String) -> Result<(), Fault> {
    if books.faults.strikes(fault) {
        return Err(Fault::later(doing, "the vault can't be reached").hint("it may pass; try again"));
    }
    Ok(())
}

/// Counts the request as a write if the books changed.
fn counted<T>(books: &mut Books, answer: Result<T, Fault>) -> Result<T, Fault> {
    if books.vault.changed() {
        books.world.count("vault-writes");
    }
    answer
}

#[async_trait]
impl Vault for LabVault {
    fn describe(&self) -> String {
        format!("the model vault of the lab in {}", self.lab.place())
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        let request = Request::new("vault", format!("stage {name} for {}", attempt.rotation))
            .acting()
            .losing(Some("stage-reply-lost"));
        let stage = |books: &mut Books| {
            out_of_reach(books, "stage-fails", format!("staging a candidate for {name}"))?;
            let answer = books.vault.stage(name, attempt, secret);
            counted(books, answer)
        };
        self.lab.request(request, stage).await
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        let request = Request::new("vault", format!("find {} of {name}", slot_word(slot)));
        self.lab.request(request, |books| Ok(books.vault.find(name, slot))).await
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        let request = Request::new("vault", format!("read {} of {}", slot_word(at.slot), at.name));
        self.lab.request(request, |books| books.vault.read(at)).await
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        let request = Request::new("vault", format!("announce pending of {}", at.name)).acting();
        let announce = |books: &mut Books| {
            out_of_reach(books, "announce-fails", format!("marking the candidate of {} for its readers", at.name))?;
            let answer = books.vault.announce(at);
            counted(books, answer)
        };
        self.lab.request(request, announce).await
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        let request = Request::new("vault", format!("promote {name} for {}", attempt.rotation))
            .acting()
            .losing(Some("promote-reply-lost"));
        let promote = |books: &mut Books| {
            out_of_reach(books, "promote-fails", format!("promoting the candidate of {name}"))?;
            let answer = books.vault.promote(name, attempt);
            counted(books, answer)
        };
        self.lab.request(request, promote).await
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        let request = Request::new("vault", format!("discard {name} of {}", attempt.rotation)).acting();
        let discard = |books: &mut Books| {
            books.vault.discard(name, attempt);
            counted(books, Ok(()))
        };
        self.lab.request(request, discard).await
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        let request = Request::new("vault", format!("adopt {name}")).acting();
        let adopt = |books: &mut Books| {
            let answer = books.vault.adopt(name, secret);
            counted(books, answer)
        };
        self.lab.request(request, adopt).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        let request = Request::new("vault", "own_credential");
        self.lab.request(request, |_| Ok(own_credential("vault"))).await
    }

    async fn examine(&self, _: &[String]) -> Vec<VaultCheck> {
        let request = Request::new("vault", "examine");
        let reached = self.lab.request(request, |_| Ok(())).await;
        vec![match reached {
            Ok(()) => VaultCheck::new("reachable", Standing::Good, "the model vault answers"),
            Err(fault) => VaultCheck::unreached(&fault),
        }]
    }
}
