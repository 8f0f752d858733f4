#!/usr/bin/env node
// octokit as a command: `WHAT [NUMBER]`, see ../README.md. Its pagination plug-in is part of it.
import { Octokit } from "octokit";

const { SERVER, TOKEN, REPOSITORY } = process.env;
const [owner, repo] = REPOSITORY.split("/");
const octokit = new Octokit({
  auth: TOKEN,
  baseUrl: `${SERVER}/api/v3`,
  retry: { enabled: false },
  throttle: { enabled: false },
  log: { debug() {}, info() {}, warn() {}, error() {} },
});
const actions = octokit.rest.actions;
const all = (route, more) => octokit.paginate(route, { owner, repo, per_page: 2, ...more });
const one = async (method, more) => (await method({ owner, repo, ...more })).data;
const bytes = async (method, more) => Buffer.from(await one(method, more));

const whats = {
  runs: () => all(actions.listWorkflowRunsForRepo),
  run: (run_id) => one(actions.getWorkflowRun, { run_id }),
  jobs: (run_id) => all(actions.listJobsForWorkflowRun, { run_id }),
  attempt: (run_id, attempt_number) => all(actions.listJobsForWorkflowRunAttempt, { run_id, attempt_number }),
  job: (job_id) => one(actions.getJobForWorkflowRun, { job_id }),
  log: (job_id) => bytes(actions.downloadJobLogsForWorkflowRun, { job_id }),
  logs: (run_id) => bytes(actions.downloadWorkflowRunLogs, { run_id }),
  artifacts: () => all(actions.listArtifactsForRepo),
  "run-artifacts": (run_id) => all(actions.listWorkflowRunArtifacts, { run_id }),
  artifact: (artifact_id) => one(actions.getArtifact, { artifact_id }),
  zip: (artifact_id) => bytes(actions.downloadArtifact, { artifact_id, archive_format: "zip" }),
  "delete-artifact": (artifact_id) => one(actions.deleteArtifact, { artifact_id }),
  workflows: () => all(actions.listRepoWorkflows),
  workflow: (workflow_id) => one(actions.getWorkflow, { workflow_id }),
  dispatch: (workflow_id) => one(actions.createWorkflowDispatch, { workflow_id, ref: "main" }),
  rerun: (run_id) => one(actions.reRunWorkflow, { run_id }),
  "rerun-failed": (run_id) => one(actions.reRunWorkflowFailedJobs, { run_id }),
  cancel: (run_id) => one(actions.cancelWorkflowRun, { run_id }),
  delete: (run_id) => one(actions.deleteWorkflowRun, { run_id }),
};

const [what, ...numbers] = process.argv.slice(2);
try {
  const found = await whats[what](...numbers.map(Number));
  process.stdout.write(Buffer.isBuffer(found) ? found : JSON.stringify(found ?? {}));
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
