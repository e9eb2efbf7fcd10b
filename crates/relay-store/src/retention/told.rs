//! What the audit tells of retention, and what is told of what is gone.

use serde_json::{Value, json};

use super::{Gone, ImportsGoing, Kind, Named, Plan};
use crate::audit::NewAudit;
use crate::jobs::JobRow;

/// A plan that was made, or applied.
pub(crate) fn told_of_plan(
    actor: &str,
    action: &'static str,
    subject: &str,
    plan: &Plan,
) -> NewAudit {
    let hash: String = plan.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let [results, jobs] = plan.kinds.each_ref().map(|share| share.count);
    let data = json!({"plan": hash, "as_of": plan.as_of, "results": results, "jobs": jobs});
    NewAudit { actor: actor.to_owned(), action, subject: subject.to_owned(), data }
}

/// Some jobs that were marked under a run, or are there again.
pub(crate) fn told_of_run(
    actor: &str,
    action: &'static str,
    run: &str,
    kind: Kind,
    count: usize,
) -> NewAudit {
    let data = json!({"kind": kind.word(), "count": count});
    NewAudit { actor: actor.to_owned(), action, subject: run.to_owned(), data }
}

/// Some that are gone for good.
pub(crate) fn told_of_purge(actor: &str, kind: Kind, count: usize) -> NewAudit {
    told_of_run(actor, "retention.purged", kind.word(), kind, count)
}

/// What of imports goes.
pub(crate) fn told_of_imports(actor: &str, going: ImportsGoing) -> NewAudit {
    let ImportsGoing { bodies, reports, bytes } = going;
    NewAudit {
        actor: actor.to_owned(),
        action: "retention.purged",
        subject: "imports".to_owned(),
        data: json!({"bodies": bodies, "reports": reports, "bytes": bytes}),
    }
}

/// A job that is held, or no longer.
pub(crate) fn hold_told(actor: &str, job: &JobRow, hold: bool) -> NewAudit {
    let action = if hold { "job.held" } else { "job.released" };
    NewAudit { actor: actor.to_owned(), action, subject: job.id.clone(), data: Value::Null }
}

/// What is told of a job or a result, by the marks of the job and of its result: since when and until when.
pub(crate) fn gone_of(
    named: Named<'_>,
    job: Option<(i64, i64)>,
    result: Option<(i64, i64)>,
    is_purged: bool,
) -> Option<Gone> {
    let gone = |(deleted_at, until)| Gone { deleted_at, restore_until: Some(until) };
    match (named, job, result) {
        (Named::Result(_), _, Some((deleted_at, _))) if is_purged => {
            Some(Gone { deleted_at, restore_until: None })
        }
        // Both must be restored: the earlier moment counts.
        (Named::Result(_), Some(job), Some(result)) => {
            Some(gone((job.0.min(result.0), job.1.min(result.1))))
        }
        (Named::Result(_), job, result) => job.or(result).map(gone),
        (Named::Job(_), job, _) => job.map(gone),
    }
}
