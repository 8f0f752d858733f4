"""Breaking changes between two Swagger 2.0 documents, found and judged.

    base, head = load("git:v1.2:api.json"), load("api.json")
    for finding in judge(compare(base, head)):
        print(finding.level, finding.message)

`sources` and `fetch` load a document, `document` reads one, `scope` says which operations count, `compare` lists the
changes without an opinion, `rules` judges them, `rules_file` and `profile` are what a project says of itself, `extract`
makes a small document of some operations, `reports` tell what was found. All but the first two are pure.
"""

from .change import Change
from .compare import compare
from .document import Document, parse
from .errors import CheckerError, Unreadable, Unwritable
from .extract import extract, facts
from .fetch import Web
from .profile import Profile, read_profile
from .rules import Finding, Level, judge
from .rules_file import RulesFile, read_rules_file
from .scope import EVERYTHING, Scope, by_paths, of_document
from .sources import load

__version__ = "0.1.0"

__all__ = [
    "EVERYTHING",
    "Change",
    "CheckerError",
    "Document",
    "Finding",
    "Level",
    "Profile",
    "RulesFile",
    "Scope",
    "Unreadable",
    "Unwritable",
    "Web",
    "by_paths",
    "compare",
    "extract",
    "facts",
    "judge",
    "load",
    "of_document",
    "parse",
    "read_profile",
    "read_rules_file",
]
