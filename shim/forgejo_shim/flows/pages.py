"""Reading the web UI's Actions pages in whichever dialect answers.

Rules: an answer is used only for what it says it is. What the web hides (it answers 404 alike for a missing route, a
lost session and a missing right) is asked for in the other dialect, then with a session signed in anew, once, and is
then an error that says which of them it was; it is never taken for "no such job". None of them is said without a sign:
the 404 is Forgejo's own, and the server says whether the session is signed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..contract import as_caller
from ..errors import NotNow, PageChanged, ShimError, WebAccount
from ..models import Headers, Location, Repo, RunState
from ..web import (
    EMPTY_VIEW,
    ROW,
    Page,
    actions,
    attempt_of,
    download_path,
    file_name,
    job_page,
    may_begin,
    read_state,
    run_number_of,
    sort_answer,
    task_of,
    view_path,
)
from ..web_pages import is_run_page, read_run_list
from .kept import CURRENT, Kept
from .net import JSON_LIMIT, Answer, Broken, Net, Started, beginning, encode, retry_after, whole
from .server import Server

HAND_OVER = 0.3  # seconds; a log that is just moving to storage has no file for a moment (services/actions/log.go)


OF_A_LOG = frozenset({
    Page.LOG, Page.SPOILED, Page.NO_FILE, Page.NOT_STARTED, Page.EXPIRED, Page.NO_ATTEMPT, Page.NO_RUN, Page.NO_JOBS,
})  # fmt: skip


@dataclass
class Asked:
    """An answer and what it means. `text` is its body, unless it is a log: then the body is still open."""

    page: Page
    answer: Answer
    text: bytes
    path: str

    @property
    def task(self) -> int:
        """The task id in a download's file name."""
        return task_of(self.answer.headers) or 0

    @property
    def may_be_signed_out(self) -> bool:
        """Whether a lost session can be the reason for it. A 404 that is not Forgejo's own asks no more than that."""
        foreign = self.answer.status == 404 and self.page is Page.STRANGE
        return foreign or self.page in (Page.HIDDEN, Page.SIGN_IN, Page.BAD_TOKEN)


class Reader:
    """The Actions pages of one repository, read for one request."""

    def __init__(self, net: Net, server: Server, repo: Repo, query: str = "") -> None:
        self.net = net
        self._query = query
        self.server = server
        self.repo = repo
        self.kept = Kept(server.state, server.base_url, repo.key)

    async def api(self, path: str) -> Answer:
        """GET a path of the API as the caller: its headers, and what its query says of who it is."""
        return await self.net.api(as_caller(path, self._query))

    def file_of(self, job_id: int, attempt: int) -> str | None:
        """The file name that was proved to be this attempt's; attempt `CURRENT` for the job's latest one read."""
        return self.kept.file(job_id, attempt, self.net.now())

    def proved(self, job_id: int, attempt: int | None, headers: Headers, *, is_latest: bool) -> None:
        """Keep a download's file name as that of `attempt` (None: not known), now that its place was proved."""
        for number in {CURRENT, attempt or CURRENT}:
            self.kept.put_file(job_id, number, file_name(headers), self.net.now())
        if is_latest and attempt:
            self.kept.put_latest(job_id, attempt)

    async def latest_number(self) -> int | None:
        """The number of the newest run; None if there is none (`runs/latest` redirects to it, in every version)."""
        asked = await self._ask("GET", [f"{actions(self.repo)}/runs/latest"])
        if asked.page is Page.REDIRECT:
            return run_number_of(asked.answer.headers.get("Location"))
        if asked.page is Page.HIDDEN:  # said of a repository without runs, too
            return max((number for number, _ in await self.run_numbers(1)), default=None)
        raise self._trouble(asked)

    async def run_numbers(self, page: int) -> list[tuple[int, str]]:
        """Numbers and titles on a page (1-based, 50 runs each) of the web UI's list of runs, newest first."""
        return self.listed(await self._ask("GET", [f"{actions(self.repo)}?page={page}&limit=50"]))

    def listed(self, asked: Asked) -> list[tuple[int, str]]:
        """Numbers and titles in a page of the list of runs. Raises ShimError if it is none."""
        if asked.answer.status != 200 or asked.page is not Page.STRANGE:
            raise self._trouble(asked)
        return read_run_list(asked.text, actions(self.repo), f"the list of the runs of {self.repo}")

    async def state(self, at: Location) -> RunState | None:
        """What the web UI says of a run, with the job at `at` as the current one; None if there is no run or no row."""
        by_attempt, plain = view_path(self.repo, at, 1), view_path(self.repo, at, None)
        paths = [plain, by_attempt] if self.server.dialect.view_has_attempt is False else [by_attempt, plain]
        asked = await self._ask("POST", paths)
        if asked.page is Page.NO_ATTEMPT:
            asked = await self._ask("POST", [view_path(self.repo, at, await self.shown_attempt(at) or 1)])
        if asked.page in (Page.NO_RUN, Page.NO_JOBS):
            return None
        if asked.page is not Page.STATE:
            raise self._trouble(asked)
        state = read_state(asked.text, self.repo, at)
        self.server.learn_dialect(view_has_attempt=state.has_attempts, needs_token=self.server.session.has_token)
        for index, job in enumerate(state.jobs):
            self.kept.put_location(job.id, Location(at.run_number, index))
        return state

    async def shown_attempt(self, at: Location) -> int | None:
        """The attempt that the job's page redirects to: the row's attempt, 0 shown as 1. None up to 12, or if the
        redirect is to another job than the one at `at` (trap 1)."""
        page = job_page(self.repo, at)
        asked = await self._ask("GET", [page])
        if asked.page is Page.REDIRECT:
            location = asked.answer.headers.get("Location")
            return attempt_of(location) if page.lower() + "/attempt/" in location.lower() else None
        if asked.page in (Page.NO_RUN, Page.NO_JOBS) or (asked.answer.status == 200 and is_run_page(asked.text)):
            return None
        raise self._trouble(asked)

    async def download(
        self, at: Location, attempt: int | None, headers: list[tuple[str, str]], *, patient: bool = True
    ) -> Asked:
        """Open the log of `attempt` at `at`. Up to 13.0.3 the route has no attempt and gives the current task's log.

        `patient` asks once more for a log that has no file, or does not begin like one: it may just be handed over.
        The page is one of `OF_A_LOG`; anything else is raised.
        """
        by_attempt, plain = download_path(self.repo, at, attempt), download_path(self.repo, at, None)
        paths = [plain] if attempt is None else [by_attempt, plain]
        if attempt is not None and self.server.dialect.download_has_attempt is False:
            paths.reverse()
        sent = [("Cache-Control", "no-cache"), *headers]  # a running log may be cached for 300 s (trap 31)
        asked = await self._begun(await self._ask("GET", paths, sent), last=False)
        if patient and asked.page in (Page.NO_FILE, Page.SPOILED):
            await self.net.sleep(HAND_OVER)
            asked = await self._begun(await self._ask("GET", [asked.path], sent), last=True)
        if asked.page not in OF_A_LOG:
            raise self._trouble(asked)
        if asked.page is Page.LOG and asked.answer.headers.get("Content-Encoding", "identity") != "identity":
            await asked.answer.close()
            raise PageChanged(f"{self.net.called} compressed a log although identity was asked for")
        if attempt is not None:
            self.server.learn_dialect(download_has_attempt=asked.path == by_attempt)
        return asked

    async def _begun(self, asked: Asked, *, last: bool) -> Asked:
        """The same, of a log with its first bytes read: SPOILED if they cannot be a log's, or (but for the `last`
        time, when Broken is raised) if there are none."""
        if asked.page is not Page.LOG or asked.answer.status == 416:
            return asked
        try:
            start = await asked.answer.read(len(ROW))
            if may_begin(start, asked.answer.headers):
                return replace(asked, answer=Started(asked.answer, start))
        except Broken:
            if last:
                await asked.answer.close()
                raise
        await asked.answer.close()
        return replace(asked, page=Page.SPOILED)

    async def _ask(self, method: str, paths: list[str], headers: list[tuple[str, str]] | None = None) -> Asked:
        """Ask the first of `paths` that is not hidden; once more in a renewed session if that was lost."""
        session = self.server.session
        seen = session.generation or 1  # 0: the first request signs in
        asked = await self._first_shown(method, paths, headers or [])
        if session.credentials is None:
            if asked.page is Page.SIGN_IN and not await session.shows_sign_in(self.net):
                return replace(asked, page=Page.STRANGE)
            return asked
        if not asked.may_be_signed_out or (asked.page is not Page.SIGN_IN and await self._is_signed_in(asked)):
            return asked
        await session.sign_in(self.net, seen)
        asked = await self._first_shown(method, paths, headers or [])
        if asked.page not in (Page.HIDDEN, Page.SIGN_IN):
            return asked
        if await session.is_signed_in(self.net):
            return asked if asked.page is Page.HIDDEN else replace(asked, page=Page.STRANGE)
        return replace(asked, page=Page.SIGN_IN)

    async def _is_signed_in(self, asked: Asked) -> bool:
        """Whether a renewed session would not help: a token that is refused twice is another session's."""
        return asked.page is not Page.BAD_TOKEN and await self.server.session.is_signed_in(self.net)

    async def _first_shown(self, method: str, paths: list[str], headers: list[tuple[str, str]]) -> Asked:
        """The first answer that is no 404, else the last one; but a 404 that is not Forgejo's own before all others."""
        foreign = None
        for path in paths:
            asked = await self._once(method, path, headers)
            if asked.answer.status != 404 or asked.page not in (Page.HIDDEN, Page.STRANGE):
                return asked
            if asked.page is Page.STRANGE:
                foreign = asked
        return foreign or asked

    async def _once(self, method: str, path: str, headers: list[tuple[str, str]]) -> Asked:
        body = encode(EMPTY_VIEW) if method == "POST" else b""
        if body:
            headers = [*headers, ("Content-Type", "application/json")]  # another type: no lines, no error (trap 17)
        for renew in (True, False):
            answer = await self.server.session.send(self.net, method, path, headers, body)
            log = answer.status in (200, 206, 416) and task_of(answer.headers) is not None
            text = b"" if log else await self._text(answer)
            page = sort_answer(answer.status, answer.headers, text, self.repo)
            if page is not Page.BAD_TOKEN or not renew:
                break
            await self.server.session.renew_token(self.net, f"{actions(self.repo)}/runs/latest")
        return Asked(page, answer, text, path)

    async def _text(self, answer: Answer) -> bytes:
        if answer.status == 200:
            return await whole(answer, JSON_LIMIT, f"a page of {self.repo}")
        return await beginning(answer)

    def _trouble(self, asked: Asked) -> ShimError:
        """The error that a page stands for when nothing better can be made of it."""
        session, where = self.server.session, self.net.called
        if asked.page in (Page.HIDDEN, Page.SIGN_IN) and session.credentials is None:
            return WebAccount(
                f"the web UI of {where} does not show {self.repo} without a sign-in; give the shim a web account",
                cause="web-credentials-needed",
            )
        who = f"the shim's {session.account} at {where}"
        causes = {
            Page.HIDDEN: ("web-account-cannot-read", f"{who} cannot read {self.repo}; add it as a reader"),
            Page.SIGN_IN: ("web-sign-in-refused", f"{who} is signed out again at once; check it in a browser"),
            Page.CHANGE_PASSWORD: ("web-must-change-password", f"{who} must change its password; do so in a browser"),
            Page.ENROL_TWO_FACTOR: (
                "web-two-factor-needed",
                f"{who} must set up two-factor sign-in; do so in a browser",
            ),
            Page.INACTIVE: (
                "web-account-inactive",
                f"{who} is suspended or not activated; let an administrator activate it",
            ),
        }
        if asked.page in causes:
            cause, message = causes[asked.page]
            return WebAccount(message, cause=cause)
        if asked.page is Page.MOVED:
            return NotNow(f"{self.repo} has just been renamed; ask for its new name", cause="renamed")
        if asked.page is Page.BUSY:
            return NotNow(f"{where} answered {asked.answer.status}; try later", cause="upstream-busy",
                          retry_after=retry_after(asked.answer.headers))  # fmt: skip
        kind = asked.answer.headers.get("Content-Type", "no type")
        return PageChanged(
            f"{where} answered {asked.path} with {asked.answer.status} ({kind}), which was not understood; try again,"
            " and if it stays so report the server's version"
        )
