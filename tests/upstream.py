"""A tiny project that stands for Forgejo, a series of patches for it, and people whose git settings differ.

It has what the patch tools look at: Go packages, a Makefile with Forgejo's verbs, a swagger template, Dockerfiles, and
three versions: v1.0.0 (the base), v1.0.1 (everything still applies), v2.0.0 (has what the first patch adds).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
OPERATION = "GET /jobs/{job_id}/logs"
MESSAGE = """{subject}

Without it nobody can read a log.

Forwarded: not-needed
Applied-Upstream: 2.0
Drop-when: base ≥ 2.0
"""
HEADER = "// Copyright 2026 The Forgejo Authors. All rights reserved.\n// SPDX-License-Identifier: GPL-3.0-or-later\n\n"
ROUTES = "package routers\n\n// Routes lists the paths.\nvar Routes = []string{\n%s}\n"
MAKEFILE = """GITEA_COMPATIBILITY ?= gitea-1.22.0

test-backend:
\tgo test $(GO_TEST_PACKAGES)

templates/swagger/v1_json.tmpl: routers/routes.go
\ttouch $@
\tgrep -q '"/version"' $@

swagger-check: templates/swagger/v1_json.tmpl
"""
BAD_SETTINGS = """[diff]
\tnoprefix = true
\tcontext = 9
\talgorithm = patience
\trenames = copies
\torderFile = /nowhere
[format]
\tsignature = Sent from elsewhere
\tsubjectPrefix = FIX
\tattach = part
\tsuffix = .txt
[commit]
\tgpgsign = true
[am]
\tthreeWay = true
[core]
\tautocrlf = true
\tabbrev = 4
[log]
\tshowSignature = true
[status]
\tshowUntrackedFiles = no
[user]
\tname = Bob
\temail = bob@example.org
"""


def git(where: Path, *words: str, **environment: str) -> str:
    """Git with no settings but an author and a date."""
    nobody = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    nobody |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        nobody |= {f"GIT_{role}_NAME": "Ann Ünal", f"GIT_{role}_EMAIL": "ann@example.org"}
        nobody[f"GIT_{role}_DATE"] = "2026-01-02T03:04:05+0100"
    words = ("git", "-c", "advice.detachedHead=false", *words)
    done = subprocess.run(words, cwd=where, env=nobody | environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write(where: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(where: Path, subject: str, files: dict[str, str]) -> str:
    """A commit in the manner of the series; its id."""
    write(where, files)
    git(where, "add", "--all")
    git(where, "commit", "--quiet", "--allow-empty", "--message", MESSAGE.format(subject=subject))
    return git(where, "rev-parse", "HEAD")


def routes(*paths: str) -> str:
    return ROUTES % "".join(f'\t"{path}",\n' for path in paths)


def swagger(*operations: str) -> str:
    """A template as Forgejo's: JSON but for expressions."""
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        method, path = operation.split()
        paths.setdefault(path, {})[method.lower()] = {"operationId": path}
    return json.dumps({"basePath": "{{AppSubUrl | JSEscape}}/api/v1", "paths": paths}, indent=2) + "\n"


def go(name: str, body: str, package: str = "actions") -> dict[str, str]:
    return {f"services/{package}/{name}.go": f"{HEADER}package {package}\n\n{body}"}


def base_files() -> dict[str, str]:
    return {
        "Makefile": MAKEFILE,
        "go.mod": "module example.org/forge\n\ngo 1.20\n",
        ".gitignore": "/VERSION\n",
        ".gitattributes": "* text=auto eol=lf\n",
        "Dockerfile": "FROM scratch\n",
        "Dockerfile.rootless": "FROM scratch\nUSER 1000\n",
        "routers/routes.go": routes("/version", "/user", "/repos", "/issues", "/labels"),
        "templates/swagger/v1_json.tmpl": swagger("GET /version"),
        **go("log", "// Open opens a log.\nfunc Open() string {\n\treturn `log`\n}\n"),
    }


def series_commits(where: Path) -> None:
    """Three patches: one adds an operation, one changes its file, one stands alone."""
    name = "// Name names a log.\nfunc Name() string {\n%s\treturn Open()\n}\n"
    comment = "\t// swagger:operation GET /jobs/{job_id}/logs repository getLog\n"
    commit(
        where,
        "feat(api): serve a job's log",
        {
            **go("job_log", name % comment),
            "routers/routes.go": routes("/version", "/user", "/repos", "/issues", "/labels", "/jobs"),
            "templates/swagger/v1_json.tmpl": swagger("GET /version", OPERATION),
        },
    )
    commit(where, "feat(api): name the run", go("job_log", "// Run is a run.\nconst Run = 1\n\n" + name % comment))
    test = 'import "testing"\n\nfunc TestFirst(t *testing.T) {\n\tif First != 1 {\n\t\tt.Fail()\n\t}\n}\n'
    first = go("step", "// First is a step.\nconst First = 1\n", "steps")
    commit(where, "feat(api): list the steps", {**first, **go("step_test", test, "steps")})


@dataclass(frozen=True)
class Upstream:
    """The project's repository with its versions, and the folder of the series."""

    home: Path
    repository: Path

    @property
    def folder(self) -> Path:
        return self.home / "series" / "v1.0.0"

    @classmethod
    def made(cls, home: Path) -> Upstream:
        made = cls(home, home / "upstream")
        where = made.repository
        where.mkdir(parents=True)
        git(where, "init", "--quiet", "--initial-branch=main")
        commit(where, "feat(all): begin", {})
        base = commit(where, "feat(all): go on", base_files())
        git(where, "tag", "v1.0.0")
        paths = ("/version", "/user", "/repos", "/issues", "/labels")
        commit(where, "fix(api): more", {"routers/routes.go": "// Package routers routes.\n" + routes(*paths)})
        git(where, "tag", "v1.0.1")
        later = {
            "templates/swagger/v1_json.tmpl": swagger("GET /version", "GET /jobs/{id}/logs"),
            **go("joblog", "// Log is a log.\nconst Log = 1\n"),
        }
        commit(where, "feat(api): logs", later)
        git(where, "tag", "v2.0.0")
        text = f"repository: {where.as_uri()}\ntag: v1.0.0\ncommit: {base}\nsuffix: joblogs.1\n"
        write(made.folder, {"UPSTREAM": text, "README.md": "A series.\n"})
        work = made.clone("author")
        series_commits(work)
        done = made.patches("refresh", work)
        assert done.returncode == 0, done.stderr
        return made

    def copy(self, home: Path) -> Upstream:
        """The same repository, with a folder of the series that a test may change."""
        copy = Upstream(home, self.repository)
        shutil.copytree(self.folder, copy.folder)
        return copy

    def clone(self, name: str, tag: str = "v1.0.0", *words: str) -> Path:
        where = self.home / name
        git(self.home, "clone", "--quiet", *words, f"--branch={tag}", self.repository.as_uri(), str(where))
        return where

    def patches(self, verb: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """scripts/patches, with this series."""
        return script("patches", "--series", self.folder, verb, *words, **environment)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the series, named by its beginning."""
        (path,) = self.folder.glob(f"{name}*")
        text = path.read_bytes().decode()
        assert old in text, f"{old!r} is not in {path.name}"
        path.write_bytes(text.replace(old, new).encode())


def script(name: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a person does. It never shows a traceback."""
    command = [sys.executable, str(SCRIPTS / name), *map(str, words)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def bad_home(home: Path) -> dict[str, str]:
    """The environment of somebody whose git settings change what git writes."""
    write(home, {".gitconfig": BAD_SETTINGS, ".config/git/attributes": "*.go diff=golang\n*.go -text\n"})
    return {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "GIT_DIFF_OPTS": "-u9", "TZ": "Asia/Tokyo"}
