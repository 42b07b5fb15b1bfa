//! `artos-auth`: see `artos-auth --help`.

fn main() -> std::process::ExitCode {
    artos_auth_server::cli::main()
}
