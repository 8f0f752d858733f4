"""Why a run failed: the report of `Client.why` as facts, and as Markdown between marks."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from ..errors import WrongArguments
from ..flows.why import LEAST_SIZE
from ..pick_run import pick_run
from ..why.render import as_markdown
from ..why.values import JobReport
from .answers import Answer, compact, reported, room
from .asking import Asking
from .fence import inert


def why_failed(asking: Asking) -> Answer:
    """Why a run is red: of the text of its logs only what the report holds."""
    target, given, most = asking.target(), asking.given, asking.max_bytes
    number = asking.run_ref(target)
    if number is not None and {"commit", "branch", "pr"} & given.keys():
        raise WrongArguments("a run is named already; leave out commit, branch and pr")
    picked = pick_run(asking.client, target.repo, given.get("commit"), given.get("branch"), given.get("pr"))
    run = picked.run if picked else "latest" if number is None else number
    size = max(LEAST_SIZE, room(most) * 3 // 4)
    report = asking.client.why(target.repo, run, lines=given["lines"], max_bytes=size)
    jobs = [inert(_facts(job)) for job in report.jobs]
    while len(json.dumps(jobs)) > most // 4:
        jobs.pop()
    facts = {"run": inert(compact(asdict(report.run))), "jobs": jobs, "by_status": report.by_status}
    answer = reported(facts, "report", as_markdown(report), most, "raise max_bytes, or read_log each job")
    if picked and picked.others:
        answer.notes.append(inert(picked.others))
    if not report.failed:
        answer.notes.append("no job of this run has failed")
    return answer


def _facts(job: JobReport) -> dict[str, Any]:
    """A job of a report without text of its log."""
    step = job.step and {"number": job.step.number, "name": job.step.name}
    values = {"id": job.id, "index": job.index, "name": job.name, "status": job.status, "attempt": job.attempt}
    told = {"step": step, "log_size": job.log_size, "read": job.read, "missing": job.missing, "url": job.url}
    return compact({**values, **told, "findings": len(job.findings)})
