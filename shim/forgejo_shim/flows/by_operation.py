"""Which flow answers an operation, where one does so alone: it asks for the caller's right to read itself, and is given
no more than the call and the caller. Of those that write, it is asked for the right to write before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..models import Done, RunFacts, Workflow
from ..operations import (
    ARTIFACTS,
    COMMIT_JOBS,
    COMMIT_RUNS,
    COMMIT_STATUS,
    DELETE_ARTIFACT,
    DISABLE_WORKFLOW,
    ENABLE_WORKFLOW,
    FINDINGS,
    ONE_RUN,
    RERUN_FAILED,
    RUN_ARTIFACTS,
    RUN_DETAILS,
    RUN_STEP_LOGS,
    RUN_SUMMARY,
    WORKFLOW,
    WORKFLOWS,
    Call,
    Operation,
)
from ..webui.reader import Reader
from .artifacts import artifacts_of_repository, artifacts_of_run
from .commits import commit_jobs, commit_runs, commit_status
from .findings import findings
from .listed import ArtifactPage, FindingPage, JobPage, RunPage, StatusPage, WorkflowPage
from .rerun_failed import rerun_failed
from .rights import Grants, run_of
from .run_attempt import one_run
from .run_details import run_details
from .run_zip import Archive
from .step_zip import step_zip
from .switch_workflow import switch_workflow
from .workflows import find_workflow, workflows
from .writes import delete_artifact

AnyPage = RunPage | JobPage | WorkflowPage | ArtifactPage | FindingPage | StatusPage
FlowValue = RunFacts | Archive | Workflow | AnyPage

READS: dict[Operation, Callable[[Reader, Call, Grants], Awaitable[FlowValue]]] = {
    RUN_SUMMARY: run_of,
    ONE_RUN: one_run,
    RUN_DETAILS: run_details,
    RUN_STEP_LOGS: step_zip,
    RUN_ARTIFACTS: artifacts_of_run,
    ARTIFACTS: artifacts_of_repository,
    WORKFLOWS: workflows,
    WORKFLOW: find_workflow,
    COMMIT_RUNS: commit_runs,
    COMMIT_JOBS: commit_jobs,
    COMMIT_STATUS: commit_status,
    FINDINGS: findings,
}
WRITES: dict[Operation, Callable[[Reader, Call, Grants], Awaitable[Done]]] = {
    RERUN_FAILED: rerun_failed,
    DELETE_ARTIFACT: delete_artifact,
    ENABLE_WORKFLOW: switch_workflow,
    DISABLE_WORKFLOW: switch_workflow,
}
