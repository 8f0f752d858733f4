// go-github as a command: `WHAT [NUMBER]`, see ../README.md.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"clients/command"

	"github.com/google/go-github/v81/github"
)

var (
	ctx         = context.Background()
	owner, repo = command.Owner, command.Repo
	number      = command.Number
	actions     *github.ActionsService
)

// pages gives every object of all pages; of takes those of one.
func pages[P, T any](
	list func(github.ListOptions) (*P, *github.Response, error), of func(*P) []T,
) (any, error) {
	all := []T{}
	for page := 1; page != 0; {
		found, response, err := list(github.ListOptions{Page: page, PerPage: 2})
		if err != nil {
			return nil, err
		}
		all, page = append(all, of(found)...), response.NextPage
	}
	return all, nil
}

func runs(found *github.WorkflowRuns) []*github.WorkflowRun   { return found.WorkflowRuns }
func jobs(found *github.Jobs) []*github.WorkflowJob           { return found.Jobs }
func artifacts(found *github.ArtifactList) []*github.Artifact { return found.Artifacts }
func workflows(found *github.Workflows) []*github.Workflow    { return found.Workflows }

// done takes a 202 for what it is: go-github says it by an error.
func done(response *github.Response, err error) (any, error) {
	if accepted := new(github.AcceptedError); errors.As(err, &accepted) {
		err = nil
	}
	return command.Done(response, err)
}

// content gives what is at the address that the answer's Location names, asked for without the token.
func content(address *url.URL, _ *github.Response, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	response, err := http.Get(address.String())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(response.Body)
}

var whats = command.Whats{
	"runs": func() (any, error) {
		return pages(func(page github.ListOptions) (*github.WorkflowRuns, *github.Response, error) {
			return actions.ListRepositoryWorkflowRuns(
				ctx, owner, repo, &github.ListWorkflowRunsOptions{ListOptions: page})
		}, runs)
	},
	"run": func() (any, error) { return command.One(actions.GetWorkflowRunByID(ctx, owner, repo, number(0))) },
	"jobs": func() (any, error) {
		return pages(func(page github.ListOptions) (*github.Jobs, *github.Response, error) {
			return actions.ListWorkflowJobs(
				ctx, owner, repo, number(0), &github.ListWorkflowJobsOptions{ListOptions: page})
		}, jobs)
	},
	"attempt": func() (any, error) {
		return pages(func(page github.ListOptions) (*github.Jobs, *github.Response, error) {
			return actions.ListWorkflowJobsAttempt(ctx, owner, repo, number(0), number(1), &page)
		}, jobs)
	},
	"job":  func() (any, error) { return command.One(actions.GetWorkflowJobByID(ctx, owner, repo, number(0))) },
	"log":  func() (any, error) { return content(actions.GetWorkflowJobLogs(ctx, owner, repo, number(0), 0)) },
	"logs": func() (any, error) { return content(actions.GetWorkflowRunLogs(ctx, owner, repo, number(0), 0)) },
	"artifacts": func() (any, error) {
		return pages(func(page github.ListOptions) (*github.ArtifactList, *github.Response, error) {
			return actions.ListArtifacts(ctx, owner, repo, &github.ListArtifactsOptions{ListOptions: page})
		}, artifacts)
	},
	"run-artifacts": func() (any, error) {
		return pages(func(page github.ListOptions) (*github.ArtifactList, *github.Response, error) {
			return actions.ListWorkflowRunArtifacts(ctx, owner, repo, number(0), &page)
		}, artifacts)
	},
	"artifact":        func() (any, error) { return command.One(actions.GetArtifact(ctx, owner, repo, number(0))) },
	"zip":             func() (any, error) { return content(actions.DownloadArtifact(ctx, owner, repo, number(0), 0)) },
	"delete-artifact": func() (any, error) { return done(actions.DeleteArtifact(ctx, owner, repo, number(0))) },
	"workflows": func() (any, error) {
		return pages(func(page github.ListOptions) (*github.Workflows, *github.Response, error) {
			return actions.ListWorkflows(ctx, owner, repo, &page)
		}, workflows)
	},
	"workflow": func() (any, error) { return command.One(actions.GetWorkflowByID(ctx, owner, repo, number(0))) },
	"dispatch": func() (any, error) {
		event := github.CreateWorkflowDispatchEventRequest{Ref: "main"}
		return done(actions.CreateWorkflowDispatchEventByID(ctx, owner, repo, number(0), event))
	},
	"rerun":        func() (any, error) { return done(actions.RerunWorkflowByID(ctx, owner, repo, number(0))) },
	"rerun-failed": func() (any, error) { return done(actions.RerunFailedJobsByID(ctx, owner, repo, number(0))) },
	"cancel":       func() (any, error) { return done(actions.CancelWorkflowRunByID(ctx, owner, repo, number(0))) },
	"delete":       func() (any, error) { return done(actions.DeleteWorkflowRun(ctx, owner, repo, number(0))) },
}

func main() {
	client, err := github.NewClient(nil).WithAuthToken(command.Token).WithEnterpriseURLs(command.Server, command.Server)
	if err == nil {
		actions = client.Actions
	}
	command.Run(whats, err)
}
