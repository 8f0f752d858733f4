// Gitea's Go SDK as a command: `WHAT [NUMBER]`, see ../README.md.
package main

import (
	"os"
	"strings"

	"clients/command"

	"code.gitea.io/sdk/gitea"
)

var (
	owner, repo  = command.Owner, command.Repo
	word, number = command.Word, command.Number
	client       *gitea.Client
)

// pages gives every object of all pages, until as many came as there are; of takes those of one, and their count.
func pages[P, T any](
	list func(gitea.ListOptions) (*P, *gitea.Response, error), of func(*P) ([]T, int64),
) (any, error) {
	all := []T{}
	for page := 1; ; page++ {
		found, _, err := list(gitea.ListOptions{Page: page, PageSize: 2})
		if err != nil {
			return nil, err
		}
		rows, total := of(found)
		if all = append(all, rows...); int64(len(all)) >= total || len(rows) == 0 {
			return all, nil
		}
	}
}

func runs(found *gitea.ActionWorkflowRunsResponse) ([]*gitea.ActionWorkflowRun, int64) {
	return found.WorkflowRuns, found.TotalCount
}

func jobs(found *gitea.ActionWorkflowJobsResponse) ([]*gitea.ActionWorkflowJob, int64) {
	return found.Jobs, found.TotalCount
}

func artifacts(found *gitea.ActionArtifactsResponse) ([]*gitea.ActionArtifact, int64) {
	return found.Artifacts, found.TotalCount
}

var whats = command.Whats{
	"runs": func() (any, error) {
		return pages(func(at gitea.ListOptions) (*gitea.ActionWorkflowRunsResponse, *gitea.Response, error) {
			return client.ListRepoActionRuns(owner, repo, gitea.ListRepoActionRunsOptions{ListOptions: at})
		}, runs)
	},
	"run": func() (any, error) { return command.One(client.GetRepoActionRun(owner, repo, number(0))) },
	"jobs": func() (any, error) {
		return pages(func(at gitea.ListOptions) (*gitea.ActionWorkflowJobsResponse, *gitea.Response, error) {
			return client.ListRepoActionRunJobs(
				owner, repo, number(0), gitea.ListRepoActionJobsOptions{ListOptions: at})
		}, jobs)
	},
	"all-jobs": func() (any, error) {
		return pages(func(at gitea.ListOptions) (*gitea.ActionWorkflowJobsResponse, *gitea.Response, error) {
			return client.ListRepoActionJobs(owner, repo, gitea.ListRepoActionJobsOptions{ListOptions: at})
		}, jobs)
	},
	"job": func() (any, error) { return command.One(client.GetRepoActionJob(owner, repo, number(0))) },
	"log": func() (any, error) { return command.One(client.GetRepoActionJobLogs(owner, repo, number(0))) },
	"artifacts": func() (any, error) {
		return pages(func(at gitea.ListOptions) (*gitea.ActionArtifactsResponse, *gitea.Response, error) {
			return client.ListRepoActionArtifacts(owner, repo, gitea.ListActionArtifactsOptions{ListOptions: at})
		}, artifacts)
	},
	"run-artifacts": func() (any, error) {
		return pages(func(at gitea.ListOptions) (*gitea.ActionArtifactsResponse, *gitea.Response, error) {
			return client.ListRepoActionRunArtifacts(
				owner, repo, number(0), gitea.ListActionArtifactsOptions{ListOptions: at})
		}, artifacts)
	},
	"artifact": func() (any, error) {
		return command.One(client.GetRepoActionArtifact(owner, repo, number(0)))
	},
	"zip": func() (any, error) {
		return command.One(client.GetRepoActionArtifactArchive(owner, repo, number(0)))
	},
	"delete-artifact": func() (any, error) {
		return command.Done(client.DeleteRepoActionArtifact(owner, repo, number(0)))
	},
	"workflows": func() (any, error) {
		found, _, err := client.ListRepoActionWorkflows(owner, repo)
		if err != nil {
			return nil, err
		}
		return found.Workflows, nil
	},
	"workflow": func() (any, error) { return command.One(client.GetRepoActionWorkflow(owner, repo, word(0))) },
	"dispatch": func() (any, error) {
		option := gitea.CreateActionWorkflowDispatchOption{Ref: "main"}
		return command.One(client.DispatchRepoActionWorkflow(owner, repo, word(0), option, command.Has(1)))
	},
	"rerun": func() (any, error) { return command.One(client.RerunRepoActionRun(owner, repo, number(0))) },
	"rerun-failed": func() (any, error) {
		return command.Done(client.RerunRepoActionRunFailedJobs(owner, repo, number(0)))
	},
	"rerun-job": func() (any, error) {
		return command.One(client.RerunRepoActionJob(owner, repo, number(0), number(1)))
	},
	"delete": func() (any, error) { return command.Done(client.DeleteRepoActionRun(owner, repo, number(0))) },
	"runners": func() (any, error) {
		return command.One(client.ListRepoActionRunners(owner, repo, gitea.ListActionRunnersOptions{}))
	},
	"registration-token": func() (any, error) {
		return command.One(client.CreateRepoActionRunnerRegistrationToken(owner, repo))
	},
}

func main() {
	var err error
	address := command.Server + strings.TrimSuffix(os.Getenv("API"), "/api/v1")
	client, err = gitea.NewClient(address, gitea.SetToken(command.Token))
	command.Run(whats, err)
}
