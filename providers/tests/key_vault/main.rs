//! The adapter for Azure Key Vault against the stand-in that tests/testbed/key-vault-check holds to Microsoft's clients.

mod bed;
mod cuts;
mod deletions;
mod doctor;
mod faults;
mod identities;
mod life;
mod quiet;
mod races;
