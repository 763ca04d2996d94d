//! The program: see `entra_rotator::cli`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    no_core_dump();
    entra_rotator::cli::run().await.into()
}

/// A core dump would hold passwords.
fn no_core_dump() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Lowering one's own limit is always permitted; were it not, the machine's own setting would hold.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}
