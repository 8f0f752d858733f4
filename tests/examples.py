"""The examples of the pages that users read. As a program: the Python ones, whose types `make lint` checks."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md", "shim/README.md", "shim/CREDENTIALS.md", "shim/RUNS.md", "shim/WHY.md", "shim/MCP.md",
    "shim/OPERATING.md", "shim/OPTIONS.md", "shim/FACES.md", "patches/README.md", "spec/ci/README.md",
)  # fmt: skip
HEAD = "import requests\nimport forgejo_shim\nfrom forgejo_shim import *\n"


def examples(language: str) -> list[tuple[str, str]]:
    """The blocks in a language, each with its page, in order."""
    return [
        (page, block)
        for page in PAGES
        for block in re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    ]


def program() -> str:
    """Each Python example in a function of its own, in which `token` and `password` are texts."""
    found = [block for _, block in examples("python")]
    text = (ROOT / "shim/forgejo_shim/client.py").read_text()
    found += re.findall(r'^"""[^\n]*\n\n((?:    [^\n]*\n)+)', text)
    functions = (
        f"def example_{number}(token: str, password: str) -> None:\n{indent(dedent(example), '    ')}"
        for number, example in enumerate(found)
    )
    return HEAD + "\n".join(functions)


if __name__ == "__main__":
    print(program())
