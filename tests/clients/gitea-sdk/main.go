// Gitea's Go SDK as a command: `WHAT [NUMBER]`, see ../README.md.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"code.gitea.io/sdk/gitea"
)

var (
	client      *gitea.Client
	owner, repo string
	words       []string
)

func number(index int) int64 {
	found, _ := strconv.ParseInt(words[index], 10, 64)
	return found
}

func at(page int) gitea.ListOptions { return gitea.ListOptions{Page: page, PageSize: 2} }

// pages gives every object of all pages, until as many came as there are.
func pages[T any](list func(page int) ([]T, int64, error)) (any, error) {
	all := []T{}
	for page := 1; ; page++ {
		rows, total, err := list(page)
		if err != nil {
			return nil, err
		}
		if all = append(all, rows...); int64(len(all)) >= total || len(rows) == 0 {
			return all, nil
		}
	}
}

func jobs(found *gitea.ActionWorkflowJobsResponse, err error) ([]*gitea.ActionWorkflowJob, int64, error) {
	if err != nil {
		return nil, 0, err
	}
	return found.Jobs, found.TotalCount, nil
}

func artifacts(found *gitea.ActionArtifactsResponse, err error) ([]*gitea.ActionArtifact, int64, error) {
	if err != nil {
		return nil, 0, err
	}
	return found.Artifacts, found.TotalCount, nil
}

func one[T any](found T, _ *gitea.Response, err error) (any, error) { return found, err }

func done(_ *gitea.Response, err error) (any, error) { return struct{}{}, err }

var whats = map[string]func() (any, error){
	"runs": func() (any, error) {
		return pages(func(page int) ([]*gitea.ActionWorkflowRun, int64, error) {
			found, _, err := client.ListRepoActionRuns(owner, repo, gitea.ListRepoActionRunsOptions{ListOptions: at(page)})
			if err != nil {
				return nil, 0, err
			}
			return found.WorkflowRuns, found.TotalCount, nil
		})
	},
	"run": func() (any, error) { return one(client.GetRepoActionRun(owner, repo, number(0))) },
	"jobs": func() (any, error) {
		return pages(func(page int) ([]*gitea.ActionWorkflowJob, int64, error) {
			found, _, err := client.ListRepoActionRunJobs(
				owner, repo, number(0), gitea.ListRepoActionJobsOptions{ListOptions: at(page)})
			return jobs(found, err)
		})
	},
	"all-jobs": func() (any, error) {
		return pages(func(page int) ([]*gitea.ActionWorkflowJob, int64, error) {
			found, _, err := client.ListRepoActionJobs(owner, repo, gitea.ListRepoActionJobsOptions{ListOptions: at(page)})
			return jobs(found, err)
		})
	},
	"job": func() (any, error) { return one(client.GetRepoActionJob(owner, repo, number(0))) },
	"log": func() (any, error) { return one(client.GetRepoActionJobLogs(owner, repo, number(0))) },
	"artifacts": func() (any, error) {
		return pages(func(page int) ([]*gitea.ActionArtifact, int64, error) {
			found, _, err := client.ListRepoActionArtifacts(
				owner, repo, gitea.ListActionArtifactsOptions{ListOptions: at(page)})
			return artifacts(found, err)
		})
	},
	"run-artifacts": func() (any, error) {
		return pages(func(page int) ([]*gitea.ActionArtifact, int64, error) {
			found, _, err := client.ListRepoActionRunArtifacts(
				owner, repo, number(0), gitea.ListActionArtifactsOptions{ListOptions: at(page)})
			return artifacts(found, err)
		})
	},
	"artifact":        func() (any, error) { return one(client.GetRepoActionArtifact(owner, repo, number(0))) },
	"zip":             func() (any, error) { return one(client.GetRepoActionArtifactArchive(owner, repo, number(0))) },
	"delete-artifact": func() (any, error) { return done(client.DeleteRepoActionArtifact(owner, repo, number(0))) },
	"workflows": func() (any, error) {
		found, _, err := client.ListRepoActionWorkflows(owner, repo)
		if err != nil {
			return nil, err
		}
		return found.Workflows, nil
	},
	"workflow": func() (any, error) { return one(client.GetRepoActionWorkflow(owner, repo, words[0])) },
	"dispatch": func() (any, error) {
		option := gitea.CreateActionWorkflowDispatchOption{Ref: "main"}
		return one(client.DispatchRepoActionWorkflow(owner, repo, words[0], option, len(words) > 1))
	},
	"rerun":        func() (any, error) { return one(client.RerunRepoActionRun(owner, repo, number(0))) },
	"rerun-failed": func() (any, error) { return done(client.RerunRepoActionRunFailedJobs(owner, repo, number(0))) },
	"rerun-job":    func() (any, error) { return one(client.RerunRepoActionJob(owner, repo, number(0), number(1))) },
	"delete":       func() (any, error) { return done(client.DeleteRepoActionRun(owner, repo, number(0))) },
	"runners": func() (any, error) {
		return one(client.ListRepoActionRunners(owner, repo, gitea.ListActionRunnersOptions{}))
	},
	"registration-token": func() (any, error) {
		return one(client.CreateRepoActionRunnerRegistrationToken(owner, repo))
	},
}

func main() {
	owner, repo, _ = strings.Cut(os.Getenv("REPOSITORY"), "/")
	words = os.Args[2:]
	address := os.Getenv("SERVER") + strings.TrimSuffix(os.Getenv("API"), "/api/v1")
	var found any
	var err error
	if client, err = gitea.NewClient(address, gitea.SetToken(os.Getenv("TOKEN"))); err == nil {
		found, err = whats[os.Args[1]]()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%T: %v\n", err, err)
		os.Exit(1)
	}
	if data, is := found.([]byte); is {
		os.Stdout.Write(data)
		return
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
