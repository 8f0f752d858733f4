// go-github as a command: `WHAT [NUMBER]`, see ../README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/google/go-github/v81/github"
)

var (
	ctx         = context.Background()
	owner, repo = split(os.Getenv("REPOSITORY"))
	actions     *github.ActionsService
	numbers     []int64
)

func split(full string) (string, string) {
	owner, repo, _ := strings.Cut(full, "/")
	return owner, repo
}

// pages gives every object of all pages.
func pages[T any](list func(github.ListOptions) ([]T, *github.Response, error)) (any, error) {
	all := []T{}
	for page := 1; page != 0; {
		rows, response, err := list(github.ListOptions{Page: page, PerPage: 2})
		if err != nil {
			return nil, err
		}
		all, page = append(all, rows...), response.NextPage
	}
	return all, nil
}

func one[T any](found T, _ *github.Response, err error) (any, error) { return found, err }

// done takes a 202 for what it is: go-github says it by an error.
func done(_ *github.Response, err error) (any, error) {
	if accepted := new(github.AcceptedError); errors.As(err, &accepted) {
		err = nil
	}
	return struct{}{}, err
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

var whats = map[string]func() (any, error){
	"runs": func() (any, error) {
		return pages(func(page github.ListOptions) ([]*github.WorkflowRun, *github.Response, error) {
			found, response, err := actions.ListRepositoryWorkflowRuns(
				ctx, owner, repo, &github.ListWorkflowRunsOptions{ListOptions: page})
			if err != nil {
				return nil, nil, err
			}
			return found.WorkflowRuns, response, nil
		})
	},
	"run": func() (any, error) { return one(actions.GetWorkflowRunByID(ctx, owner, repo, numbers[0])) },
	"jobs": func() (any, error) {
		return pages(func(page github.ListOptions) ([]*github.WorkflowJob, *github.Response, error) {
			found, response, err := actions.ListWorkflowJobs(
				ctx, owner, repo, numbers[0], &github.ListWorkflowJobsOptions{ListOptions: page})
			if err != nil {
				return nil, nil, err
			}
			return found.Jobs, response, nil
		})
	},
	"attempt": func() (any, error) {
		return pages(func(page github.ListOptions) ([]*github.WorkflowJob, *github.Response, error) {
			found, response, err := actions.ListWorkflowJobsAttempt(ctx, owner, repo, numbers[0], numbers[1], &page)
			if err != nil {
				return nil, nil, err
			}
			return found.Jobs, response, nil
		})
	},
	"job":  func() (any, error) { return one(actions.GetWorkflowJobByID(ctx, owner, repo, numbers[0])) },
	"log":  func() (any, error) { return content(actions.GetWorkflowJobLogs(ctx, owner, repo, numbers[0], 0)) },
	"logs": func() (any, error) { return content(actions.GetWorkflowRunLogs(ctx, owner, repo, numbers[0], 0)) },
	"artifacts": func() (any, error) {
		return pages(func(page github.ListOptions) ([]*github.Artifact, *github.Response, error) {
			found, response, err := actions.ListArtifacts(
				ctx, owner, repo, &github.ListArtifactsOptions{ListOptions: page})
			if err != nil {
				return nil, nil, err
			}
			return found.Artifacts, response, nil
		})
	},
	"run-artifacts": func() (any, error) {
		return pages(func(page github.ListOptions) ([]*github.Artifact, *github.Response, error) {
			found, response, err := actions.ListWorkflowRunArtifacts(ctx, owner, repo, numbers[0], &page)
			if err != nil {
				return nil, nil, err
			}
			return found.Artifacts, response, nil
		})
	},
	"artifact":        func() (any, error) { return one(actions.GetArtifact(ctx, owner, repo, numbers[0])) },
	"zip":             func() (any, error) { return content(actions.DownloadArtifact(ctx, owner, repo, numbers[0], 0)) },
	"delete-artifact": func() (any, error) { return done(actions.DeleteArtifact(ctx, owner, repo, numbers[0])) },
	"workflows": func() (any, error) {
		return pages(func(page github.ListOptions) ([]*github.Workflow, *github.Response, error) {
			found, response, err := actions.ListWorkflows(ctx, owner, repo, &page)
			if err != nil {
				return nil, nil, err
			}
			return found.Workflows, response, nil
		})
	},
	"workflow": func() (any, error) { return one(actions.GetWorkflowByID(ctx, owner, repo, numbers[0])) },
	"dispatch": func() (any, error) {
		event := github.CreateWorkflowDispatchEventRequest{Ref: "main"}
		return done(actions.CreateWorkflowDispatchEventByID(ctx, owner, repo, numbers[0], event))
	},
	"rerun":        func() (any, error) { return done(actions.RerunWorkflowByID(ctx, owner, repo, numbers[0])) },
	"rerun-failed": func() (any, error) { return done(actions.RerunFailedJobsByID(ctx, owner, repo, numbers[0])) },
	"cancel":       func() (any, error) { return done(actions.CancelWorkflowRunByID(ctx, owner, repo, numbers[0])) },
	"delete":       func() (any, error) { return done(actions.DeleteWorkflowRun(ctx, owner, repo, numbers[0])) },
}

func main() {
	client, err := github.NewClient(nil).WithAuthToken(os.Getenv("TOKEN")).WithEnterpriseURLs(
		os.Getenv("SERVER"), os.Getenv("SERVER"))
	var found any
	if err == nil {
		actions = client.Actions
		for _, word := range os.Args[2:] {
			number, _ := strconv.ParseInt(word, 10, 64)
			numbers = append(numbers, number)
		}
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
