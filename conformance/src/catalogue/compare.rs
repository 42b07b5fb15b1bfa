//! Judgements over several answers of one case.

use crate::case::Accept;
use crate::judge::{self, Finding};
use crate::session::{Session, Stop};
use crate::transport::Answer;

/// The last two answers have the same status and content.
pub(super) fn same_answers(session: &Session) -> Result<Finding, Stop> {
    let exchanges = session.exchanges();
    let last = exchanges.len().saturating_sub(1);
    let [.., one, other] = exchanges else { return Ok(Finding::broken("nothing was sent")) };
    let words = |answer| judge::describe(answer, session.known());
    let (first, second) = (words(&one.answer), words(&other.answer));
    Ok(match (&one.answer, &other.answer) {
        (Answer::Response(one), Answer::Response(other)) if judge::same_answer(one, other) => {
            Finding::kept(first).at(last)
        }
        _ if first == second => Finding::broken(format!("{first}, with different contents")).at(last),
        _ => Finding::broken(format!("{first}, and then {second}")).at(last),
    })
}

/// Every answer of the case is acceptable.
pub(super) async fn each(session: &mut Session) -> Result<Finding, Stop> {
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

/// Each answer of the case is one of those that its turn accepts.
pub(super) async fn expect(session: &mut Session, turns: &[&[Accept]]) -> Result<Finding, Stop> {
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
