"""The Python examples of README.md and of the client's docstring as one program, whose types `make lint` checks."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent

ROOT = Path(__file__).parents[1]
HEAD = "import requests\nimport forgejo_shim\nfrom forgejo_shim import *\n"


def program() -> str:
    """Each example in a function of its own, in which `token` and `password` are texts."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    text = (ROOT / "shim/forgejo_shim/client.py").read_text()
    found += re.findall(r'^"""[^\n]*\n\n((?:    [^\n]*\n)+)', text)
    functions = (
        f"def example_{number}(token: str, password: str) -> None:\n{indent(dedent(example), '    ')}"
        for number, example in enumerate(found)
    )
    return HEAD + "\n".join(functions)


if __name__ == "__main__":
    print(program())
