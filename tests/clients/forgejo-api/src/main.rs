//! Calls the library forgejo-api: `URL OWNER REPO jobs RUN_ID` or `URL OWNER REPO log JOB_ID`, the token in FORGEJO_TOKEN.
//! Jobs are lines of id, status and name, with tabs between; a log is its bytes.

use forgejo_api::{structs::RepoGetActionJobLogsQuery, sync::Forgejo, Auth};
use std::{env, error::Error, io::Write};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [server, owner, repo, what, id] = words.as_slice() else {
        return Err("five words are needed".into());
    };
    let token = env::var("FORGEJO_TOKEN")?;
    let api = Forgejo::new(Auth::Token(&token), server.parse()?)?;
    if what == "jobs" {
        for job in api.list_action_run_jobs(owner, repo, id.parse()?).send()? {
            let (Some(id), Some(status), Some(name)) = (job.id, job.status, job.name) else {
                return Err("a job without id, status or name".into());
            };
            println!("{id}\t{status}\t{name}");
        }
    } else {
        let whole = RepoGetActionJobLogsQuery::default();
        let log = api.repo_get_action_job_logs(owner, repo, id.parse()?, whole).send()?;
        std::io::stdout().write_all(&log)?;
    }
    Ok(())
}
