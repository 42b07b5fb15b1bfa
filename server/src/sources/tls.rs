//! Certificate, key and client CA: each file is followed, and a change of one reloads all of them.

use std::time::Duration;

use super::follow::{Followed, Rejected, follow};
use super::status::Reporter;
use super::watch::{Bells, Retire};
use crate::audit::Level;
use crate::clock::{Clock as _, SystemClock};
use crate::config::TlsFiles;
use crate::health::Effect;
use crate::http::tls::{Loaded, Tls};

/// The name of the source in `/readyz`, the log and the metrics.
const NAME: &str = "tls";
/// Maximum size of certificate, key and CA files.
const MAX_BYTES: u64 = 1 << 20;
/// How often the expiry of the current certificate is checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Follows the files until the returned values are dropped.
///
/// # Errors
///
/// A thread cannot be started.
pub(crate) fn start(
    files: &TlsFiles,
    tls: &Tls,
    reporter: &Reporter,
    bells: &Bells,
) -> Result<Vec<Retire>, String> {
    let status = reporter.source(NAME, NAME);
    status.starts();
    reporter.metrics.certificate_expires(tls.loaded().not_after);
    let mut followed = Vec::new();
    for (_, path) in files.all() {
        let (files, tls, status, metrics) =
            (files.clone(), tls.clone(), status.clone(), reporter.metrics.clone());
        let told = status.clone();
        let take = move |_| {
            let loaded = Loaded::read(&files, SystemClock.now().since_epoch.as_secs());
            // The other file of the pair may be replaced soon.
            let loaded = loaded.map_err(|problem| Rejected { problem, try_again: true })?;
            metrics.certificate_expires(loaded.not_after);
            let summary = loaded.summary();
            tls.replace(loaded);
            told.loaded(&format!("certificate loaded: {summary}"));
            Ok(())
        };
        let version = std::fs::metadata(path).ok().map(|metadata| crate::files::FileVersion::of(&metadata));
        let file = Followed { path: path.clone(), max_bytes: MAX_BYTES, version };
        let retire = follow(file, bells, status, take);
        followed.push(retire.map_err(|error| format!("{}: cannot be followed: {error}", path.display()))?);
    }
    Ok(followed)
}

/// Reports the certificate in `/readyz` once it has expired while in use.
pub(crate) async fn watch_expiry(tls: Tls, reporter: Reporter) {
    loop {
        let now = SystemClock.now().since_epoch;
        if let Some(problem) = tls.loaded().expired(now.as_secs())
            && reporter.health.failed(NAME, now, Effect::Degraded, &problem)
        {
            reporter.log.note(Level::Error, &format!("{NAME}: {problem}"));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
