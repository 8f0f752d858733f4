//! Calls the library forgejo-api, with the token in FORGEJO_TOKEN: `URL OWNER REPO` and then
//! `jobs RUN_ID`, `log JOB_ID`, `artifacts [RUN_ID]`, `artifact ARTIFACT_ID` or `zip ARTIFACT_ID`.
//! Jobs are lines of id, status and name, with tabs between; artifacts are JSON, all pages; a log and a zip are bytes.

use forgejo_api::{
    structs::{ListActionArtifactsQuery, ListActionRunArtifactsQuery, RepoGetActionJobLogsQuery},
    sync::Forgejo,
    Auth,
};
use std::{env, error::Error, io::Write};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [server, owner, repo, what, id @ ..] = words.as_slice() else {
        return Err("four words or five are needed".into());
    };
    let token = env::var("FORGEJO_TOKEN")?;
    let api = Forgejo::new(Auth::Token(&token), server.parse()?)?;
    let mut out = std::io::stdout();
    match (what.as_str(), id.first().map(|id| id.parse()).transpose()?) {
        ("jobs", Some(run)) => {
            for job in api.list_action_run_jobs(owner, repo, run).send()? {
                let (Some(id), Some(status), Some(name)) = (job.id, job.status, job.name) else {
                    return Err("a job without id, status or name".into());
                };
                writeln!(out, "{id}\t{status}\t{name}")?;
            }
        }
        ("log", Some(job)) => {
            let whole = RepoGetActionJobLogsQuery::default();
            out.write_all(&api.repo_get_action_job_logs(owner, repo, job, whole).send()?)?;
        }
        ("artifacts", run) => {
            let mut found = Vec::new();
            for page in 1.. {
                let mut more = match run {
                    Some(run) => {
                        let all = ListActionRunArtifactsQuery::default();
                        api.list_action_run_artifacts(owner, repo, run, all).page(page).send()?
                    }
                    None => {
                        let all = ListActionArtifactsQuery::default();
                        api.list_action_artifacts(owner, repo, all).page(page).send()?
                    }
                };
                if more.is_empty() {
                    break;
                }
                found.append(&mut more);
            }
            serde_json::to_writer(out, &found)?;
        }
        ("artifact", Some(id)) => {
            serde_json::to_writer(out, &api.get_action_artifact(owner, repo, id).send()?)?;
        }
        ("zip", Some(id)) => {
            out.write_all(&api.download_action_artifact(owner, repo, id).send()?)?;
        }
        _ => return Err("jobs, log, artifacts, artifact and zip are known".into()),
    }
    Ok(())
}
