#!/usr/bin/env python3
"""Build images of Forgejo with the patch series, by Forgejo's own Dockerfiles.

    python3 scripts/patches/image.py [--base TAG] [--registry HOST[:PORT]] [--name NAME] [--only rootless|root]
                                     [--source URL|DIR] [--series FOLDER]

Rules
-----
* The source is Forgejo's own: the tag is cloned from UPSTREAM's repository (or from `--source`). It takes the series
  whose base is its nearest ancestor, put on top as `scripts/patches` does: without fuzz, or not at all.
* How far that base is from the tag, and what was tested on it, is said; a tag that is no base was not tested.
* Nobody can take it for a stock server: UPSTREAM's suffix is in the image's tag (15.0.2-joblogs.1-rootless) and in the
  version that the server reports (15.0.2+gitea-1.22.0-joblogs.1), which is a stock server's up to there.
* Names are checked, and docker asked whether it answers, before anything is done. The clone is gone at the end.
* Progress and docker's words go to stderr; stdout has one line for each image that was built: its name.
* Exit code 0: all was built; 1: something is missing, refused or failed; 2: usage.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clones import Refused, commit_of, git
from series import PATCHES, Series, all_series, apply, beyond, nearest

BASE = "v15.0.2"  # what is built where nothing else is named: a base that a series was tested on, to the commit
TAG = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?")

# The grammar of github.com/distribution/reference (regexp.go); a tag has at most 128 characters, a name 255.
LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
COMPONENT = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
REGISTRY = re.compile(rf"(?:localhost|{LABEL}(?:[.]{LABEL})+|{LABEL}(?=:))(?::[0-9]+)?(?:/{COMPONENT})*")
NAME = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
SUFFIX = re.compile(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")  # what semver allows after the +, all of it legal in a tag
LONGEST_NAME, LONGEST_TAG = 255, 128

DOCKERFILES = {"rootless": ("Dockerfile.rootless", "-rootless"), "root": ("Dockerfile", "")}  # file, end of the tag


def say(text: str) -> None:
    """Progress, for a person who waits."""
    print(f"scripts/patches/image.py: {text}", file=sys.stderr, flush=True)


def image_name(registry: str, name: str) -> str:
    """The image's name without its tag; Refused if docker would not take it, or take it for something else."""
    if registry and not REGISTRY.fullmatch(registry):
        raise Refused(f"{registry!r} is no registry; write HOST, HOST:PORT or HOST/PATH, with a dot or a port in HOST")
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is no image name; write lower-case letters and digits, with . _ - / between them")
    full = f"{registry}/{name}" if registry else name
    if len(full) > LONGEST_NAME:
        raise Refused(f"the image name has {len(full)} characters, {LONGEST_NAME} are allowed; shorten {name!r}")
    return full


def release_of(series: Series, tag: str) -> str:
    """What is built, as a tag and as a release: 15.0.2-joblogs.1."""
    if not SUFFIX.fullmatch(series.suffix):
        raise Refused(f"the suffix {series.suffix!r} in UPSTREAM is not legal in a version; write one like joblogs.1")
    release = f"{tag.removeprefix('v')}-{series.suffix}"
    if len(release) + len("-rootless") > LONGEST_TAG:
        raise Refused(f"the tag {release}-rootless is longer than {LONGEST_TAG} characters; shorten UPSTREAM's suffix")
    return release


def require_tools() -> None:
    """Refused, unless git and docker are there and docker's engine answers."""
    for tool in ("git", "docker"):
        if not shutil.which(tool):
            raise Refused(f"{tool} is needed to build an image, and there is none on the PATH; install it")
    asked = subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True)
    if asked.returncode:
        said = (asked.stderr.strip() or asked.stdout.strip()).splitlines()[-1:]
        raise Refused(f"docker's engine does not answer ({''.join(said)}); start it, or let this user reach it")


def fetched(tag: str, source: str, *words: str) -> None:
    """Run git on the way to the source, where the user's settings hold (proxies). Refused if it does not get there."""
    elsewhere = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    environment = {key: value for key, value in os.environ.items() if key not in elsewhere}
    done = subprocess.run(
        ["git", *words], capture_output=True, text=True, env=environment | {"GIT_TERMINAL_PROMPT": "0"}
    )
    if done.returncode:
        said = (done.stderr.strip() or "git does not say why").splitlines()[-1]
        raise Refused(
            f"{tag} cannot be cloned from {source} ({said}). Needed are the network to it, or --source with a "
            "clone that has the tag; and for Forgejo's build data.forgejo.org, a Go module proxy and the npm registry."
        )


def clone(tag: str, series: list[Series], source: str, where: Path) -> Series:
    """Clone the tag; the series for it. The history comes only where the tag is no base itself."""
    say(f"cloning {tag} from {source}")
    if Path(source).is_dir():
        source = Path(source).resolve().as_uri()
    words = ("clone", "--quiet", "--template=", "--no-checkout", "--depth=1", f"--branch={tag}", "--")
    fetched(tag, source, *words, source, str(where))
    head = str(commit_of(where, "HEAD"))
    if not (found := next((one for one in series if one.commit == head), None)):
        if named := next((one for one in series if one.tag == tag and not one.branch), None):
            raise Refused(f"{tag} at {source} is {head}, but UPSTREAM says {named.commit}; use another source")
        say(f"{tag} is no base of a series; fetching its history to find the nearest")
        fetched(tag, source, "-C", str(where), "fetch", "--quiet", "--unshallow", "origin", f"refs/tags/{tag}")
        found = nearest(series, where, head)
    if not found:
        bases = ", ".join(one.tag for one in series)
        raise Refused(
            f"{tag} descends from no base of a series ({bases}); move one there: python3 scripts/patches move"
        )
    git(where, "reset", "--quiet", "--hard")
    return found


def version_of(series: Series, tag: str, source: Path) -> str:
    """What the server shall report: what Forgejo's Makefile would make of the tag, and the suffix."""
    found = re.search(r"^GITEA_COMPATIBILITY \?= *(\S+)$", (source / "Makefile").read_text(), re.MULTILINE)
    if not found:
        raise Refused(f"the Makefile of {tag} sets no GITEA_COMPATIBILITY; it is part of the version")
    return f"{tag.removeprefix('v')}+{found[1]}-{series.suffix}"


def build(source: Path, dockerfile: str, reference: str, release: str) -> None:
    """Hand over to Forgejo's Dockerfile; its build argument is the tag in Forgejo's own release workflow, too."""
    say(f"docker build of {reference} ({dockerfile}); this takes a while")
    words = ["docker", "build", f"--file={dockerfile}", f"--tag={reference}", f"--build-arg=RELEASE_VERSION={release}"]
    if "GOPROXY" in os.environ:
        words.append("--build-arg=GOPROXY")  # the Dockerfile's own argument; its value is taken from the environment
    # Forgejo's Dockerfiles use BUILDPLATFORM, which only BuildKit sets; docker before 23 must be asked for it.
    done = subprocess.run([*words, "."], cwd=source, env=os.environ | {"DOCKER_BUILDKIT": "1"}, stdout=2)
    if done.returncode:
        raise Refused(f"docker build of {reference} failed; docker says above why")


def images(tag: str, every: list[Series], name: str, source: str, kinds: list[str]) -> None:
    """Build and print the images of a tag, with the series for it."""
    for one in every:
        release_of(one, tag)
        one.paths()
    require_tools()
    with tempfile.TemporaryDirectory(prefix="image-") as scratch:
        where = Path(scratch) / "forgejo"
        series = clone(tag, every, source, where)
        say(f"applying {len(series.names())} patches of {series.folder.name}")
        head = str(commit_of(where, "HEAD"))
        apply(series, where)
        for line in beyond(series, where, head):
            say(line)
        release = release_of(series, tag)
        (where / "VERSION").write_text(f"{version_of(series, tag, where)}\n")
        for dockerfile, end in (DOCKERFILES[kind] for kind in kinds):
            reference = f"{name}:{release}{end}"
            build(where, dockerfile, reference, release)
            print(reference, flush=True)


def main() -> int:
    """The command; its exit code."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument(
        "--registry", default="", metavar="HOST[:PORT]", help="where it shall be pushed to; default: none"
    )
    told.add_argument("--name", default="forgejo", metavar="NAME", help="the image's name; default: forgejo")
    told.add_argument("--only", choices=DOCKERFILES, help="one of the two images")
    told.add_argument("--source", metavar="URL|DIR", help="clone from here; default: UPSTREAM's repository")
    told.add_argument("--base", metavar="TAG", help=f"Forgejo's tag, v15.0.2, or v15.0.4 and later; default: {BASE}")
    told.add_argument("--series", type=Path, metavar="FOLDER", help="default: the nearest one in patches/")
    asked = told.parse_args()
    try:
        name = image_name(asked.registry, asked.name)
        if asked.base is not None and not TAG.fullmatch(asked.base):
            raise Refused(f"{asked.base!r} is no tag of a release; write one like {BASE}")
    except Refused as reason:
        told.error(str(reason))
    try:
        every = [Series.read(asked.series)] if asked.series else all_series(PATCHES)
        tag = asked.base or (every[0].tag if asked.series else BASE)
        kinds = [asked.only] if asked.only else list(DOCKERFILES)
        images(tag, every, name, asked.source or every[-1].repository, kinds)
        return 0
    except Refused as reason:
        say(str(reason))
    except OSError as error:
        say(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
