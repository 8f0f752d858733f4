"""Images: what it hands to docker, by which names, and that nothing happens where something is missing.

Docker is a stand-in that writes down what it is asked and what lies in the folder that it would build from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from upstream import Upstream, bad_home, commit, git, script

ROOT = Path(__file__).resolve().parents[2]
DOCKER = """#!{python}
import json, os, pathlib, subprocess, sys
def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True).stdout
call = {{"words": sys.argv[1:], "buildkit": os.environ.get("DOCKER_BUILDKIT")}}
if sys.argv[1] == "build":
    files = [path for path in pathlib.Path(".").rglob("*") if path.is_file() and ".git" not in path.parts]
    call["files"] = {{str(path): path.read_text() for path in files}}
    call["alternates"] = pathlib.Path(".git/objects/info/alternates").exists()
    call["commits"], call["changed"] = git("rev-list", "HEAD").split(), git("status", "--porcelain")
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(call) + "\\n")
print("docker's own words")
sys.exit({status})
"""
NEAREST = """import pathlib, sys, clones, series
clone = pathlib.Path(sys.argv[2])
print(series.nearest(series.all_series(pathlib.Path(sys.argv[1])), clone, clones.commit_of(clone, "HEAD")).folder.name)
"""
ROOTLESS, PLAIN = "1.0.0-joblogs.1-rootless", "1.0.0-joblogs.1"


@dataclass
class Bench:
    """An upstream, a docker that writes down its calls, and a folder for what is temporary."""

    upstream: Upstream
    bin: Path
    scratch: Path

    @classmethod
    def made(cls, upstream: Upstream) -> Bench:
        bench = cls(upstream, upstream.home / "bin", upstream.home / "tmp")
        bench.bin.mkdir()
        bench.scratch.mkdir()
        (bench.bin / "git").symlink_to(shutil.which("git") or "")
        bench.docker("0")
        return bench

    def docker(self, status: str) -> None:
        """Put docker there; `status` is a Python expression for its exit code."""
        path = self.bin / "docker"
        path.write_text(DOCKER.format(python=sys.executable, calls=str(self.upstream.home / "calls"), status=status))
        path.chmod(0o755)

    def calls(self, verb: str) -> list[dict[str, Any]]:
        path = self.upstream.home / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [call for call in map(json.loads, lines) if call["words"][0] == verb]

    def image(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script; nothing temporary is ever left, and the series is not touched."""
        before = self.upstream.files()
        places = {"PATH": str(self.bin), "TMPDIR": str(self.scratch)}
        done = script("patches/image.py", "--series", self.upstream.folder, *words, **places | environment)
        assert not list(self.scratch.iterdir())
        assert self.upstream.files() == before
        return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    return Upstream.made(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def bench(made: Upstream, tmp_path: Path) -> Bench:
    return Bench.made(made.copy(tmp_path))


def options(call: Mapping[str, Any]) -> dict[str, str]:
    return dict(word.removeprefix("--").split("=", 1) for word in call["words"][1:-1])


def test_both_images_are_built_from_the_patched_tag(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOPROXY", raising=False)
    done = bench.image()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"forgejo:{ROOTLESS}", f"forgejo:{PLAIN}"]
    assert "docker's own words" in done.stderr and "cloning v1.0.0 from file://" in done.stderr
    rootless, root = bench.calls("build")
    argument = f"RELEASE_VERSION={PLAIN}"
    assert options(rootless) == {"file": "Dockerfile.rootless", "tag": f"forgejo:{ROOTLESS}", "build-arg": argument}
    assert options(root) == {"file": "Dockerfile", "tag": f"forgejo:{PLAIN}", "build-arg": argument}
    clone = bench.upstream.clone("clone")
    assert bench.upstream.patches("apply", clone).returncode == 0
    tracked = {name: (clone / name).read_text() for name in git(clone, "ls-files").splitlines()}
    for call in (rootless, root):
        assert call["words"][-1] == "." and call["buildkit"] == "1"
        assert call["files"] == tracked | {"VERSION": "1.0.0+gitea-1.22.0-joblogs.1\n"}
        assert call["changed"] == "" and not call["alternates"]
        assert call["commits"] == git(clone, "rev-list", "--max-count=4", "HEAD").split()


def test_somebody_elses_git_settings_make_no_difference(bench: Bench, tmp_path: Path) -> None:
    assert bench.image("--only", "root").returncode == 0
    assert bench.image("--only", "root", **bad_home(tmp_path / "home")).returncode == 0
    one, other = bench.calls("build")
    assert one["commits"] == other["commits"] and one["files"] == other["files"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--only", "rootless"], [f"forgejo:{ROOTLESS}"]),
        (["--only", "root"], [f"forgejo:{PLAIN}"]),
        (["--only", "root", "--registry", "codeberg.org"], [f"codeberg.org/forgejo:{PLAIN}"]),
        (
            ["--only", "root", "--registry", "localhost:5000", "--name", "me/fork_1"],
            [f"localhost:5000/me/fork_1:{PLAIN}"],
        ),
        (["--only", "root", "--registry", "r:1/me", "--name", "a-b.c"], [f"r:1/me/a-b.c:{PLAIN}"]),
        (["--registry", "", "--name", "me/x"], [f"me/x:{ROOTLESS}", f"me/x:{PLAIN}"]),
    ],
)
def test_name_and_registry_are_arguments(bench: Bench, words: list[str], names: list[str]) -> None:
    done = bench.image(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == names
    assert [options(call)["tag"] for call in bench.calls("build")] == names


@pytest.mark.parametrize("name", ["", "Forgejo", "a b", "a:1", "-a", "a/", "/a", "a//b", "a..b", "ä", "x" * 256, "a\n"])
def test_a_name_that_docker_would_not_take_is_a_usage_error(bench: Bench, name: str) -> None:
    done = bench.image("--name", name) if not name.startswith("-") else bench.image(f"--name={name}")
    assert done.returncode == 2 and "name" in done.stderr
    assert not bench.calls("version") and not bench.calls("build")


@pytest.mark.parametrize(
    "registry", ["me", "codeberg.org/", "codeberg.org:x", "a b.org", "https://codeberg.org", "x/y", ":1"]
)
def test_a_registry_that_docker_would_take_for_something_else_is_a_usage_error(bench: Bench, registry: str) -> None:
    done = bench.image("--registry", registry)
    assert done.returncode == 2 and f"{registry!r} is no registry" in done.stderr
    assert not bench.calls("version") and not bench.calls("build")


@pytest.mark.parametrize("suffix", ["job logs", "joblogs+1", "joblogs..1", "joblogs_1", "x" * 200])
def test_a_suffix_that_is_not_legal_is_refused(bench: Bench, suffix: str) -> None:
    bench.upstream.edit("UPSTREAM", "joblogs.1", suffix)
    done = bench.image()
    assert done.returncode == 1 and "suffix" in done.stderr
    assert not bench.calls("build")


def failed(bench: Bench, done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It says what is missing in a sentence or two, and no image was built."""
    assert done.returncode == 1 and done.stdout == ""
    said = [line for line in done.stderr.splitlines() if " cloning " not in line and " applying " not in line]
    assert len(said) == 1 and not [word for word in words if word not in said[0]], done.stderr
    assert not bench.calls("build")


@pytest.mark.parametrize("tool", ["git", "docker"])
def test_a_missing_tool_is_named(bench: Bench, tool: str) -> None:
    (bench.bin / tool).unlink()
    failed(bench, bench.image(), f"{tool} is needed to build an image, and there is none on the PATH")


def test_an_engine_that_does_not_answer_is_named(bench: Bench) -> None:
    bench.docker("1")
    failed(bench, bench.image(), "docker's engine does not answer (docker's own words)")


def test_without_the_network_it_says_what_it_needs(bench: Bench) -> None:
    url = bench.upstream.repository.as_uri()
    bench.upstream.edit("UPSTREAM", url, "file:///nowhere/forgejo.git")
    failed(bench, bench.image(), "v1.0.0 cannot be cloned from file:///nowhere/forgejo.git", "the network", "--source")
    done = bench.image("--only=root", "--source", bench.upstream.repository)
    assert done.returncode == 0, done.stderr


def test_a_tag_at_another_commit_is_not_built(bench: Bench) -> None:
    clone = bench.upstream.clone("other")
    git(clone, "tag", "--force", "v1.0.0", "v1.0.1")
    ids = [git(clone, "rev-parse", name) for name in ("v1.0.1", "HEAD")]
    failed(bench, bench.image("--source", clone), f"is {ids[0]}, but UPSTREAM says {ids[1]}")
    git(clone, "tag", "--delete", "v1.0.0")
    failed(bench, bench.image("--source", clone), "v1.0.0 cannot be cloned from")


def test_a_later_tag_takes_the_series_and_what_was_not_tested_is_said(bench: Bench) -> None:
    bench.upstream.edit("UPSTREAM", "patched-tree:", "tested: go vet\npatched-tree:")
    done = bench.image("--only=root", "--base=v1.0.1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "forgejo:1.0.1-joblogs.1\n"
    assert "v1.0.1 is no base of a series; fetching its history" in done.stderr
    assert "tested on " in done.stderr and "go vet" in done.stderr
    assert "not tested: what came since (1 commits, to v1.0.1); of the 2 files that the series changes" in done.stderr
    (call,) = bench.calls("build")
    assert call["files"]["VERSION"] == "1.0.1+gitea-1.22.0-joblogs.1\n"
    assert call["files"]["routers/routes.go"].startswith("// Package routers routes.") and "/jobs" in str(call["files"])


def test_the_nearest_of_two_series_is_taken(bench: Bench) -> None:
    clone = bench.upstream.clone("moving")
    assert bench.upstream.patches("move", clone, "v1.0.1").returncode == 0
    newer = bench.upstream.folder.parent / "v1.0.1"
    assert script("patches", "--series", newer, "refresh", clone).returncode == 0
    where = bench.upstream.repository
    git(where, "checkout", "--quiet", "--detach", "v1.0.1")
    commit(where, "fix(api): later", {"LATER": "later\n"})
    git(where, "tag", "v1.0.2")
    try:
        for tag, taken in (("v1.0.0", "v1.0.0"), ("v1.0.1", "v1.0.1"), ("v1.0.2", "v1.0.1")):
            clone = bench.upstream.clone(f"at-{tag}", tag)
            found = subprocess.run(
                [sys.executable, "-c", NEAREST, str(bench.upstream.folder.parent), str(clone)],
                cwd=ROOT / "scripts/patches",
                capture_output=True,
                text=True,
                check=True,
            )
            assert found.stdout.split() == [taken]
    finally:
        git(where, "tag", "--delete", "v1.0.2")
        git(where, "checkout", "--quiet", "main")


def test_a_later_tag_in_whose_way_a_patch_stands_is_not_built(bench: Bench) -> None:
    done = bench.image("--base=v2.0.0")
    assert done.returncode == 1 and "0001-feat-api-serve-a-job-s-log.patch does not apply to" in done.stderr
    done = bench.image("--base=v1.0")
    assert done.returncode == 2 and "'v1.0' is no tag of a release" in done.stderr
    assert not bench.calls("build")


def test_an_annotated_tag_is_its_commit(bench: Bench) -> None:
    clone = bench.upstream.clone("annotated")
    git(clone, "tag", "--force", "--annotate", "--message=1.0.0", "v1.0.0", "v1.0.0^{commit}")
    assert bench.image("--only=root", "--source", clone).returncode == 0


def test_a_series_that_does_not_apply_is_not_built(bench: Bench) -> None:
    bench.upstream.edit("0002", " // Name names a log.", " // Name is a log.")
    failed(bench, bench.image(), "0002-feat-api-name-the-run.patch does not apply", "services/actions/job_log.go")
    (bench.upstream.folder / "series").unlink()
    failed(bench, bench.image(), "series is not there")


def test_a_build_that_fails_ends_it_and_what_was_built_is_told(bench: Bench) -> None:
    bench.docker("'--file=Dockerfile' in sys.argv")
    done = bench.image()
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"forgejo:{ROOTLESS}"]
    assert f"docker build of forgejo:{PLAIN} failed" in done.stderr


def test_a_proxy_for_go_modules_is_handed_on(bench: Bench) -> None:
    assert bench.image("--only=root", GOPROXY="https://proxy.example").returncode == 0
    (call,) = bench.calls("build")
    assert call["words"][-2] == "--build-arg=GOPROXY"


@pytest.mark.skipif(not shutil.which("make"), reason="not run: no make on the PATH")
def test_make_hands_its_arguments_on() -> None:
    clean = {key: value for key, value in os.environ.items() if key not in ("FORGEJO_SOURCE", "MAKEFLAGS", "MAKELEVEL")}

    def shown(*words: str) -> str:
        command = ["make", "--dry-run", *words]
        return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True).stdout

    assert shown("image", "BASE=v15.0.5").endswith(
        'scripts/patches/image.py --base "v15.0.5" --registry "" --name "forgejo"\n'
    )
    assert shown("image").endswith('scripts/patches/image.py --registry "" --name "forgejo"\n')
    words = shown("image", "REGISTRY=codeberg.org", "NAME=me/forgejo")
    assert words.endswith('scripts/patches/image.py --registry "codeberg.org" --name "me/forgejo"\n')
    assert shown("patches").endswith("scripts/patches check \n")
    assert shown("patches", "FORGEJO_SOURCE=/src").endswith('scripts/patches check "/src"\n')
