#!/usr/bin/env node
// gitea-js as a command: `WHAT [NUMBER]`, see ../README.md. It was made from Gitea 1.23's document, which has tasks and
// runners' tokens, but no runs, jobs or artifacts: those are asked for by its general `request`.
import { giteaApi } from "gitea-js";

const { SERVER, API, TOKEN, REPOSITORY } = process.env;
const [owner, repo] = REPOSITORY.split("/");
const api = giteaApi(SERVER + API.replace(/\/api\/v1$/, ""), { token: TOKEN, customFetch: fetch });
const root = `/repos/${owner}/${repo}/actions`;
const limit = 2;

const ask = async (path, format, more) =>
  (await api.request({ path: root + path, secure: true, format, type: "application/json", ...more })).data;
const one = (path, more) => ask(path, "json", more);
const bytes = async (path) => Buffer.from(await ask(path, "arrayBuffer"));
const all = async (path, name) => {
  const rows = [];
  for (let page = 1; ; page++) {
    const found = await one(path, { query: { page, limit } });
    rows.push(...found[name]);
    if (rows.length >= found.total_count || !found[name].length) return rows;
  }
};

const whats = {
  version: async () => (await api.version.getVersion()).data,
  tasks: async () => (await api.repos.listActionTasks(owner, repo)).data.workflow_runs,
  "registration-token": async () => (await api.repos.repoGetRunnerRegistrationToken(owner, repo)).data ?? {},
  runs: () => all("/runs", "workflow_runs"),
  run: (id) => one(`/runs/${id}`),
  jobs: (id) => all(`/runs/${id}/jobs`, "jobs"),
  attempt: (id, number) => all(`/runs/${id}/attempts/${number}/jobs`, "jobs"),
  "all-jobs": () => all("/jobs", "jobs"),
  job: (id) => one(`/jobs/${id}`),
  log: (id) => bytes(`/jobs/${id}/logs`),
  artifacts: () => all("/artifacts", "artifacts"),
  "run-artifacts": (id) => all(`/runs/${id}/artifacts`, "artifacts"),
  artifact: (id) => one(`/artifacts/${id}`),
  zip: (id) => bytes(`/artifacts/${id}/zip`),
  "delete-artifact": (id) => one(`/artifacts/${id}`, { method: "DELETE" }),
  workflows: async () => (await one("/workflows")).workflows,
  workflow: (file) => one(`/workflows/${file}`),
  dispatch: (file) => one(`/workflows/${file}/dispatches`, { method: "POST", body: { ref: "main" } }),
  rerun: (id) => one(`/runs/${id}/rerun`, { method: "POST" }),
  "rerun-failed": (id) => one(`/runs/${id}/rerun-failed-jobs`, { method: "POST" }),
  "rerun-job": (id, job) => one(`/runs/${id}/jobs/${job}/rerun`, { method: "POST" }),
  delete: (id) => one(`/runs/${id}`, { method: "DELETE" }),
};

const [what, ...words] = process.argv.slice(2);
try {
  const found = await whats[what](...words);
  process.stdout.write(Buffer.isBuffer(found) ? found : JSON.stringify(found ?? {}));
} catch (error) {
  console.error(`${error.status ?? error.name}: ${error.error?.message ?? error.message}`);
  process.exitCode = 1;
}
