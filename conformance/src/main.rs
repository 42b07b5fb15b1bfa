//! `artos-conformance`: see [`artos_auth_conformance::cli`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    artos_auth_conformance::cli::main().await
}
