"""What GitHub's description requires of accounts and repositories and is made of what is known: addresses and ids.

Rules: pure data, as GitHub's API has it. An address is told whether or not there is a route for it, since clients that
check what they get refuse an object without it; where there is none, it is 404.
"""

from __future__ import annotations

from base64 import b64encode

from .forgejo import Json

# What is behind the address of an account, by the names of the fields without their `_url`; {…} as in RFC 6570.
ACCOUNT = {
    "events": "events{/privacy}", "followers": "followers", "following": "following{/other_user}",
    "gists": "gists{/gist_id}", "organizations": "orgs", "received_events": "received_events", "repos": "repos",
    "starred": "starred{/owner}{/repo}", "subscriptions": "subscriptions",
}  # fmt: skip
# The same for a repository.
REPOSITORY = {
    "archive": "{archive_format}{/ref}", "assignees": "assignees{/user}", "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}", "collaborators": "collaborators{/collaborator}", "comments": "comments{/number}",
    "commits": "commits{/sha}", "compare": "compare/{base}...{head}", "contents": "contents/{+path}",
    "contributors": "contributors", "deployments": "deployments", "downloads": "downloads", "events": "events",
    "forks": "forks", "git_commits": "git/commits{/sha}", "git_refs": "git/refs{/sha}", "git_tags": "git/tags{/sha}",
    "hooks": "hooks", "issue_comment": "issues/comments{/number}", "issue_events": "issues/events{/number}",
    "issues": "issues{/number}", "keys": "keys{/key_id}", "labels": "labels{/name}", "languages": "languages",
    "merges": "merges", "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}", "pulls": "pulls{/number}", "releases": "releases{/id}",
    "stargazers": "stargazers", "statuses": "statuses/{sha}", "subscribers": "subscribers",
    "subscription": "subscription", "tags": "tags", "teams": "teams", "trees": "git/trees{/sha}",
}  # fmt: skip


def addresses(of: dict[str, str], at: str) -> Json:
    """The addresses of an object that is at `at`."""
    return {f"{name}_url": f"{at}/{behind}" for name, behind in of.items()}


def node_id(kind: str, number: int | None) -> str | None:
    """GitHub's other id of an object, as it was made there until 2021; None if the object has no number."""
    return None if number is None else b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()
