"""Read Forgejo 16's job and log endpoints from any Forgejo.

`mount` makes a session of `requests` speak them, `Client` gives typed runs, jobs, logs and artifacts. Whatever goes
wrong in `Client` is a `ShimError`; a wrong type of an argument is a TypeError.
"""

from . import errors as _errors
from .arguments import RunFilters, Timeout
from .capabilities import Capabilities, Capability
from .client import Client
from .client_artifacts import SavedArtifact
from .client_follow import Followed
from .client_log import Log
from .download import Progress, Saved
from .errors import (
    Ambiguous,
    BadArchive,
    BadRequest,
    DiskFull,
    Expired,
    Loop,
    NoLog,
    NotExecuted,
    NotForgejo,
    NothingMatched,
    NotNow,
    NotPossible,
    NotThere,
    PageChanged,
    Refused,
    RunAgain,
    SearchLimit,
    ServerRefusal,
    ShimError,
    StillRunning,
    TooMany,
    Unreachable,
    Unreadable,
    WebAccount,
    WrongArguments,
    WrongState,
)
from .models import (
    Artifact,
    Attempt,
    Job,
    JobDetails,
    Overview,
    Repo,
    Run,
    RunFacts,
    Step,
    Times,
    TokenRights,
    WebCookie,
    WebCredentials,
    WebLogin,
)
from .requests_adapter import Backend, ShimAdapter, backend_of, mount, task_of
from .store.memory import MemoryStore
from .store.protocol import Store
from .store.session_file import SessionFile
from .store.sqlite import SQLiteStore
from .unzip import ExtractedFile
from .why.matchers import Matcher, Pattern
from .why.matchers import load as load_matchers
from .why.values import Finding, JobReport, Report, RunHead

__version__ = "0.1.0"
__doc__ = f"{__doc__}\n{_errors.__doc__}"

__all__ = [
    "Ambiguous",
    "Artifact",
    "Attempt",
    "Backend",
    "BadArchive",
    "BadRequest",
    "Capabilities",
    "Capability",
    "Client",
    "DiskFull",
    "Expired",
    "ExtractedFile",
    "Finding",
    "Followed",
    "Job",
    "JobDetails",
    "JobReport",
    "Log",
    "Loop",
    "Matcher",
    "Pattern",
    "MemoryStore",
    "NoLog",
    "NotExecuted",
    "NotForgejo",
    "NotNow",
    "NotPossible",
    "NotThere",
    "NothingMatched",
    "Overview",
    "PageChanged",
    "Progress",
    "Refused",
    "Repo",
    "Report",
    "Run",
    "RunAgain",
    "RunFacts",
    "RunFilters",
    "RunHead",
    "SQLiteStore",
    "Saved",
    "SavedArtifact",
    "SearchLimit",
    "ServerRefusal",
    "SessionFile",
    "ShimAdapter",
    "ShimError",
    "Step",
    "StillRunning",
    "Store",
    "Timeout",
    "Times",
    "TokenRights",
    "TooMany",
    "Unreachable",
    "Unreadable",
    "WebAccount",
    "WebCookie",
    "WebCredentials",
    "WebLogin",
    "WrongArguments",
    "WrongState",
    "backend_of",
    "load_matchers",
    "mount",
    "task_of",
]
