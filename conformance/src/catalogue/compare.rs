//! Findings over several responses of one case.

use crate::case::Accept;
use crate::judge::Finding;
use crate::run::session::{Session, Stop};

/// Every response of the case is acceptable.
pub(in crate::catalogue) async fn each(session: &mut Session) -> Result<Finding, Stop> {
    let accept = session.accept();
    let mut finding = Finding::broken("nothing was sent");
    for index in 0..session.exchanges().len() {
        finding = session.judge(index, accept).await?;
        if !finding.kept {
            break;
        }
    }
    Ok(finding)
}

/// Each response of the case is acceptable at its position.
pub(in crate::catalogue) async fn expect(
    session: &mut Session,
    turns: &[&[Accept]],
) -> Result<Finding, Stop> {
    let mut finding = Finding::broken("nothing was sent");
    let mut observed = Vec::new();
    for (index, accept) in turns.iter().enumerate() {
        finding = session.judge(index, accept).await?;
        if !finding.kept {
            let turn = index + 1;
            return Ok(finding.remark(format!("the deciding request was number {turn} of {}", turns.len())));
        }
        if observed.last() != Some(&finding.observed) {
            observed.push(finding.observed.clone());
        }
    }
    Ok(Finding { observed: observed.join(", then "), ..finding })
}
