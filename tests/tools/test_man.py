"""The man page says what the help says, and nothing in it is a request by accident."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from forgejo_shim.cli import main
from test_readme import options

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "shim/man/forgejo-shim.1"
REQUESTS = {"TH", "SH", "SS", "PP", "TP", "nf", "fi"}


@pytest.mark.clause("G12")
def test_the_page_has_every_verb_and_option() -> None:
    text = PAGE.read_text()
    for name, verb in main.commands.items():
        assert f'.SH "FORGEJO-SHIM {name.upper()}"\n' in text
        assert (verb.help or "").splitlines()[0].replace("-", "\\-") in text
    for word in set(options(main)):
        assert word.replace("-", "\\-") in text, word


@pytest.mark.clause("G12")
def test_only_what_is_meant_so_is_a_request() -> None:
    found = re.findall(r"^[.'](\w*)", PAGE.read_text(), re.MULTILINE)
    assert set(found) == REQUESTS
    names: dict[str, object] = {"__name__": "man", "__file__": str(ROOT / "scripts/man")}
    exec((ROOT / "scripts/man").read_text(), names)
    roff = names["roff"]
    assert callable(roff) and roff(".x\n'y\\n -z…") == "\\&.x\n\\&'y\\en \\-z\\[u2026]"


@pytest.mark.clause("G12")
def test_a_page_that_is_not_what_the_help_says_is_noticed(tmp_path: Path) -> None:
    copy = tmp_path / "scripts/man"
    copy.parent.mkdir()
    shutil.copy(ROOT / "scripts/man", copy)
    check = [sys.executable, str(copy), "--check"]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1  # there is none
    subprocess.run(check[:2], check=True)
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    made = tmp_path / "shim/man/forgejo-shim.1"
    assert made.read_text() == PAGE.read_text()
    made.write_text(made.read_text() + "x")
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "make tables" in done.stderr


@pytest.mark.clause("G12")
@pytest.mark.skipif(not shutil.which("groff"), reason="not run: no groff")
def test_groff_has_nothing_to_say_against_it() -> None:
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", PAGE], capture_output=True, text=True, check=True)
    assert done.stderr == "" and "forgejo-shim login" in done.stdout
    assert isinstance(main, click.Group)
