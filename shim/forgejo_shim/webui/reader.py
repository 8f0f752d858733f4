"""Reading the web UI's Actions pages in whichever dialect answers.

Rules: an answer is used only for what it says it is. What the web hides (it answers 404 alike for a missing route, a
lost session and a missing right) is asked for in the other dialect, then with a session signed in anew, once, and is
then an error that says which of them it was; it is never taken for "no such job". None of them is said without a sign:
the 404 is Forgejo's own, and the server says whether the session is signed in. What each answer is, asking.py says.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import PageChanged, attempt_not_found
from ..identity import with_identity
from ..models import Headers, Location, Pairs, Repo
from ..rows import ROW, can_start_log
from ..server import Server
from ..store.facts import Facts
from ..transport import Answer, BrokenBody, PeekedAnswer, Transport
from .asking import PageAnswer, ask, post, trouble
from .grammar import (
    EMPTY_VIEW,
    Page,
    actions,
    artifact_path,
    artifacts_path,
    attempt_of,
    download_path,
    file_name,
    job_page,
    run_number_of,
    view_path,
)
from .html import parse_run_list, parse_switches
from .values import View, WebArtifact, WebRun
from .view import parse_artifacts, parse_view, parse_web_run

HAND_OVER = 0.3  # seconds; a log that is just moving to storage has no file for a moment (services/actions/log.go)
OF_A_LOG = frozenset({
    Page.LOG, Page.NOT_A_LOG, Page.NO_LOG_FILE, Page.NOT_STARTED, Page.EXPIRED, Page.NO_ATTEMPT, Page.NO_RUN,
    Page.NO_JOBS,
})  # fmt: skip


class Reader:
    """The Actions of one repository, read for one request: its pages in the shim's session, the API as the caller."""

    def __init__(self, net: Transport, server: Server, repo: Repo, query: str = "") -> None:
        self.net = net
        self.server = server
        self.repo = repo
        self.facts = Facts(server.store, server.base_url, repo.key)
        self._query = query

    async def api(self, path: str, method: str = "GET", headers: Pairs = (), body: bytes = b"") -> Answer:
        """Ask a path of the API as the caller: its headers, and what its query says of who it is."""
        return await self.net.api(with_identity(path, self._query), method, headers, body)

    async def proved(self, job_id: int, attempt: int | None, headers: Headers, *, is_latest: bool) -> None:
        """Keep a download's file name as that of `attempt` (None: not known), now that its place was proved."""
        await self.facts.put_file(job_id, attempt, file_name(headers), self.net.now(), is_latest=is_latest)

    async def page(self, path: str) -> PageAnswer:
        """A page as it is, once more in a renewed session if that was lost."""
        return await ask(self, "GET", [path])

    async def latest_number(self) -> int | None:
        """The number of the newest run; None if there is none (`runs/latest` redirects to it, in every version)."""
        page = await self.page(f"{actions(self.repo)}/runs/latest")
        if page.kind is Page.REDIRECT:
            return run_number_of(page.answer.headers.get("Location"))
        if page.kind is Page.NOT_FOUND:  # said of a repository without runs, too
            return max((number for number, _ in await self.run_numbers(1)), default=None)
        raise trouble(self, page)

    async def run_numbers(self, page: int) -> list[tuple[int, str]]:
        """Numbers and titles on a page (1-based, 50 runs each) of the web UI's list of runs, newest first."""
        return await self.run_list(f"{actions(self.repo)}?page={page}&limit=50")

    async def run_list(self, path: str) -> list[tuple[int, str]]:
        """Numbers and titles in a page of the list of runs. Raises ShimError if it is none."""
        text = await self._list_page(path)
        return parse_run_list(text, actions(self.repo), f"the list of the runs of {self.repo}")

    async def switches(self) -> dict[str, bool]:
        """Whether each workflow file of the default branch is switched on. Raises ShimError."""
        text = await self._list_page(f"{actions(self.repo)}?limit=1")
        return parse_switches(text, f"the list of the workflows of {self.repo}")

    async def _list_page(self, path: str) -> bytes:
        page = await self.page(path)
        if page.answer.status != 200 or page.kind is not Page.UNKNOWN:
            raise trouble(self, page)
        return page.text

    async def web_run(self, at: Location) -> WebRun | None:
        """What the web UI says of a run, with the job at `at` as the current one; None if there is no run or no row."""
        text = await self._run_page(at)
        return None if text is None else await self._learnt(parse_web_run(text, self.repo, at), at)

    async def web_view(self, at: Location) -> View | None:
        """The same with the steps of the job's attempt 1; where the web UI shows attempts and there is no such one, or
        it does not, those of the current one."""
        text = await self._run_page(at)
        if text is None:
            return None
        view = parse_view(text, self.repo, at)
        await self._learnt(view.state, at)
        return view

    async def _run_page(self, at: Location) -> bytes | None:
        by_attempt, plain = view_path(self.repo, at, 1), view_path(self.repo, at, None)
        paths = [plain, by_attempt] if self.server.dialect.view_has_attempt is False else [by_attempt, plain]
        page = await ask(self, "POST", paths, EMPTY_VIEW)
        if page.kind is Page.NO_ATTEMPT:
            attempt = await self.redirected_attempt(at) or 1
            page = await ask(self, "POST", [view_path(self.repo, at, attempt)], EMPTY_VIEW)
        if page.kind in (Page.NO_RUN, Page.NO_JOBS):
            return None
        if page.kind is not Page.VIEW:
            raise trouble(self, page)
        return page.text

    async def _learnt(self, state: WebRun, at: Location) -> WebRun:
        await self.server.learn_dialect(
            view_has_attempt=state.has_attempts,
            needs_token=self.server.session.has_token and not state.counts_on_request,
        )
        await self.facts.put_jobs(at.run_number, [job.id for job in state.jobs])
        return state

    async def artifacts(self, run_number: int) -> tuple[WebArtifact, ...] | None:
        """The artifacts of a run that are complete or expired; None if there is no such run. The number has to be
        positive: for 0 the web UI lists another run's."""
        page = await ask(self, "GET", [artifacts_path(self.repo, run_number)])
        if page.kind is Page.NO_RUN:
            return None
        if page.kind is not Page.VIEW:
            raise trouble(self, page)
        return parse_artifacts(page.text, f"the list of the artifacts of run {run_number} in {self.repo}")

    async def artifact(self, run: int, name: str, headers: Pairs) -> PageAnswer:
        """Open the download of an artifact, of a run by what this server's download knows it by. The page is ARTIFACT,
        NO_ARTIFACT or NO_RUN; anything else is raised."""
        sent = [("Cache-Control", "no-cache"), *headers]
        page = await ask(self, "GET", [artifact_path(self.repo, run, name)], headers=sent)
        if page.kind not in (Page.ARTIFACT, Page.NO_ARTIFACT, Page.NO_RUN):
            raise trouble(self, page)
        if page.kind is Page.ARTIFACT:
            await self._check_not_packed(page, "an artifact")
        return page

    async def _check_not_packed(self, page: PageAnswer, what: str) -> None:
        """Raise PageChanged for a download that was compressed on its way."""
        if page.answer.headers.get("Content-Encoding", "identity") != "identity":
            await page.answer.close()
            raise PageChanged(f"{self.net.server_name} compressed {what} although identity was asked for")

    async def redirected_attempt(self, at: Location) -> int | None:
        """The attempt that the job's page redirects to (from 13 on): the row's attempt, 0 shown as 1. None if the run
        is not there, or the redirect is to another job than the one at `at` (trap 1)."""
        path = job_page(self.repo, at)
        page = await ask(self, "GET", [path])
        if page.kind is Page.REDIRECT:
            location = page.answer.headers.get("Location")
            return attempt_of(location) if path.lower() + "/attempt/" in location.lower() else None
        if page.kind in (Page.NO_RUN, Page.NO_JOBS):
            return None
        raise trouble(self, page)

    async def view(self, job_id: int, at: Location, attempt: int | None, cursors: dict[int, int]) -> View | None:
        """The steps of an attempt (None up to 12, whose views show the current one), and their lines from the cursors
        on. None if the job is not at `at`. Raises ShimError."""
        path = view_path(self.repo, at, attempt if self.server.dialect.view_has_attempt else None)
        body = {"logCursors": [{"step": step, "cursor": at, "expanded": True} for step, at in cursors.items()]}
        page = await post(self, path, body)
        if page.kind in (Page.BAD_CSRF_TOKEN, Page.NOT_FOUND, Page.SIGN_IN):
            if await self.web_run(at) is None:  # which renews the session and the CSRF token
                return None
            page = await post(self, path, body)
        if page.kind in (Page.NO_RUN, Page.NO_JOBS):
            return None
        if page.kind is Page.NO_ATTEMPT:
            raise attempt_not_found(job_id, attempt or 0)
        if page.kind is not Page.VIEW:
            raise trouble(self, page)
        view = parse_view(page.text, self.repo, at)
        return view if view.state.index_of(job_id) == at.job_index else None

    async def hand_over(self) -> None:
        """Wait until a log that is just moving to storage is there."""
        await self.net.sleep(HAND_OVER)

    async def download(self, at: Location, attempt: int | None, headers: Pairs, *, peek: bool = False) -> PageAnswer:
        """Open the log of `attempt` at `at`. Up to 13.0.3 the route has no attempt and gives the current task's log.

        A log that has no file, or does not begin like one, is asked for once more: it may just be handed over. With
        `peek` it is not, and a server that fails at it is an answer, too. The page is one of `OF_A_LOG`; anything else
        is raised.
        """
        by_attempt, plain = download_path(self.repo, at, attempt), download_path(self.repo, at, None)
        paths = [plain] if attempt is None else [by_attempt, plain]
        if attempt is not None and self.server.dialect.download_has_attempt is False:
            paths.reverse()
        sent = [("Cache-Control", "no-cache"), *headers]  # a running log may be cached for 300 s (trap 31)
        page = await _begun(await ask(self, "GET", paths, headers=sent), last=False)
        if not peek and page.kind in (Page.NO_LOG_FILE, Page.NOT_A_LOG):
            await self.hand_over()
            page = await _begun(await ask(self, "GET", [page.path], headers=sent), last=True)
        if page.kind not in OF_A_LOG and not (peek and page.kind is Page.FAILED):
            raise trouble(self, page)
        if page.kind is Page.LOG:
            await self._check_not_packed(page, "a log")
        if attempt is None:
            return page
        await self.server.learn_dialect(download_has_attempt=page.path == by_attempt)
        return replace(page, by_attempt=page.path == by_attempt)


async def _begun(page: PageAnswer, *, last: bool) -> PageAnswer:
    """The same, of a log with its first bytes read: NOT_A_LOG if they cannot be a log's, or (but for the `last` time,
    when BrokenBody is raised) if there are none."""
    if page.kind is not Page.LOG or page.answer.status == 416:
        return page
    is_log = False
    try:
        start = await page.answer.read(len(ROW))
        is_log = can_start_log(start, page.answer.headers)
    except BrokenBody:
        if last:
            raise
    finally:
        if not is_log:
            await page.answer.close()
    return replace(page, answer=PeekedAnswer(page.answer, start)) if is_log else replace(page, kind=Page.NOT_A_LOG)
