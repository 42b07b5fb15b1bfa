//! SIGINT and SIGTERM.

use tokio::sync::watch;

/// Gets the reason when SIGINT or SIGTERM ends a run; the report so far is then written.
pub(super) fn signals() -> watch::Receiver<Option<String>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let why = interrupted().await;
        drop(sender.send(Some(format!("the run was interrupted by {why}"))));
        // The receiver must not see a closed channel before the reason.
        std::future::pending::<()>().await;
    });
    receiver
}

/// Waits for the first signal, and returns its name.
#[cfg(unix)]
pub(super) async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        ended = tokio::signal::ctrl_c() => match ended {
            Ok(()) => "SIGINT",
            Err(_) => std::future::pending().await,
        },
        _ = terminate.recv() => "SIGTERM",
    }
}

#[cfg(not(unix))]
pub(super) async fn interrupted() -> &'static str {
    match tokio::signal::ctrl_c().await {
        Ok(()) => "SIGINT",
        Err(_) => std::future::pending().await,
    }
}
