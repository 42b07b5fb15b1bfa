//! The system's limit on open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::audit::{AuditLog, Level};
use crate::config::Limits;

/// Descriptors for files, ports, threads and a few admin connections.
const RESERVED: u64 = 128;

/// Takes as many descriptors as the system gives, and as many connections as fit into them.
pub(super) fn within_descriptors(limits: Limits, audit: &AuditLog) -> Limits {
    let wanted = u64::try_from(limits.connections).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let current = match current {
        Some(current) if current < raised => {
            match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
                Ok(()) => Some(raised),
                Err(_) => Some(current),
            }
        }
        current => current,
    };
    let fit = current.map_or(wanted, |current| current.min(wanted)).saturating_sub(RESERVED).max(1);
    let connections = usize::try_from(fit).unwrap_or(usize::MAX).min(limits.connections);
    if connections < limits.connections {
        let message = format!(
            "`limits.connections`: the system's limit on open files leaves room for {connections} of {}; raise it \
             (`LimitNOFILE=`, `ulimit -n`)",
            limits.connections
        );
        audit.note(Level::Warning, &message);
    }
    Limits { connections, ..limits }
}
