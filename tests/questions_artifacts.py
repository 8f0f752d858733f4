"""The recordings' questions about artifacts, and about cancelling and deleting runs.

Rules
-----
* `Artifacts.records` asks the web UI of every version, and from 16 on its API (`questions_artifacts_api.py`).
* Run ids, run numbers and artifact ids never meet: other runs and artifacts come first.
* An artifact expires by public means: its upload says that it is over, then the clean-up is called.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hand import NO_REPOSITORY, READ, WRITE, wait
from questions import RANGES, STATE, play
from questions_artifacts_api import ask_api
from questions_more import Made
from recorder import Record, Recorder
from runner import Task
from servers import Server
from uploads import OVER, Files, ids_of, upload
from world import job, workflow

FILES: Files = {"a.txt": b"alpha\n", "d/b.bin": bytes(range(200, 240))}
LARGE: Files = {**FILES, "large.txt": b"0123456789abcdef" * 5000, "none": b""}
ODD = (
    "with space",
    "dots.v1.2",
    "file.zip",
    "ünï 漢字",
    "100%",
    "50%25",
    "plus+and&",
    "UPPER",
    "upper",
    "12",
    "a/b",
    "what?",
    "hash#tag",
    'quo"te',
    "back\\slash",
    "semi;colon",
    "<b>",
    " spaces ",
    "..",
    "new\nline",
    "x" * 200,
)
"""Names that v4 takes."""
ODD_OF_V3 = "ünï 漢 %3"
KNOWN = "one blocks three plain single old4 old3 uploading uploading3 part both again gone4 gone3".split()
RUNS = ("0", "-1", "abc", "999", "99999999999999999999")


def named(name: str) -> str:
    return quote(name, safe="")


class Artifacts:
    """`art`, with the runs `same`, `first`, `empty`, `odd`, `running`; `their`, a foreign one; `pub`, a public one."""

    def __init__(self, server: Server) -> None:
        self.hand = hand = server.hand()
        self.ask = Recorder(hand, f"plain {hand.version}")
        flow = workflow(build=job())
        self.their, self.art, self.pub = (Made(hand, name, flow) for name in ("their", "art", "pub"))
        hand.api("PATCH", f"/repos/{self.pub.full}", {"private": False})
        self._voices()
        self.public = self._played(self.pub)
        self.foreign = [self._played(self.their) for _ in range(10)][0]
        self._fill()
        self.web = f"{self.art.paths.web}/runs"

    def _voices(self) -> None:
        hand, give = self.hand, self.ask.give
        give("careless", hand.sign_in(hand.admin))
        give("token without scope", None, hand.new_token(hand.admin, NO_REPOSITORY))
        give("read token of the owner", None, hand.new_token(hand.admin, READ))
        give("bad token", None, "0" * 40)
        self.ask.secrets.pop("0" * 40)
        for voice, permission in (("outsider", None), ("reader", "read"), ("writer", "write")):
            account = hand.user(f"{voice}{self.art.mark}")
            if permission:
                hand.collaborator(self.art.full, account, permission)
            give(voice, hand.sign_in(account))
            give(f"token of the {voice}", None, hand.new_token(account, WRITE))
        give("read token of the writer", None, hand.new_token(account, READ))

    def _played(self, made: Made) -> Task:
        made.dispatch()
        task = made.take()
        upload(task, "one", FILES)
        play(task, ())
        return task

    def _started(self) -> Task:
        self.art.dispatch()
        return self.art.take()

    def _fill(self) -> None:
        self.same = self._started()
        upload(self.same, "one", {"a.txt": b"another one\n"})
        upload(self.same, "two", FILES, protocol="v3")
        play(self.same, ())
        self.first = self._started()
        self._usual(self.first)
        self.ids = {name: ids_of(self.first, name) for name in KNOWN}
        play(self.first, ())
        self.empty = self._started()
        play(self.empty, ())
        self.odd = self._started()
        for name in ODD:
            upload(self.odd, name, {"name.txt": name.encode()})
        upload(self.odd, ODD_OF_V3, FILES, protocol="v3")
        play(self.odd, ())
        self.running = self._started()
        upload(self.running, "early", FILES)
        upload(self.running, "uploading", FILES, finish=False)

    def _usual(self, task: Task) -> None:
        upload(task, "one", FILES)
        upload(task, "blocks", FILES, chunk=50)
        upload(task, "three", LARGE, protocol="v3", chunk=30)
        upload(task, "plain", b"no zip\n")
        upload(task, "single", b"only one file\n", protocol="v3")
        upload(task, "uploading", FILES, finish=False)
        upload(task, "uploading3", FILES, protocol="v3", finish=False)
        upload(task, "part", {"done": b"done"}, protocol="v3")
        upload(task, "part", {"more": b"more"}, protocol="v3", finish=False)
        upload(task, "both", FILES)
        upload(task, "both", FILES, protocol="v3")
        upload(task, "again", FILES)
        upload(task, "again", {"new": b"new"}, finish=False)
        for name in ("old4", "older4"):
            upload(task, name, FILES, days=OVER)
        for name in ("old3", "older3"):
            upload(task, name, FILES, days=OVER, protocol="v3")
        for name in ("gone", "gone4", "gone by writer"):
            upload(task, name, FILES)
        upload(task, "gone3", FILES, protocol="v3")
        self.hand.clean_up()
        listed = f"{self.art.paths.web}/runs/{task.run_number}/artifacts"
        wait(lambda: self.hand.web.get(listed).text.count('"expired"') == 4, "the artifacts to expire")

    def records(self) -> list[Record]:
        self._lists()
        self._downloads()
        self._ranges()
        self._names()
        self._readers()
        if self.hand.major >= 16:
            ask_api(self)
        self._deletes()
        self._cancels()
        return self.ask.records

    # --- the web UI

    def _get(self, note: str, path: str, voice: str = "session", **told: Any) -> None:
        self.ask.ask(voice, note, told.pop("method", "GET"), f"{self.web}/{path}", **told)

    def _lists(self) -> None:
        run = self.first.run_number
        self._get("web list", f"{run}/artifacts")
        self._get("web list: of the same name", f"{self.same.run_number}/artifacts")
        self._get("web list: odd names", f"{self.odd.run_number}/artifacts")
        self._get("web list: none", f"{self.empty.run_number}/artifacts")
        self._get("web list: running", f"{self.running.run_number}/artifacts")
        self._get("web list: by run id", f"{self.first.context['run_id']}/artifacts")
        for number in RUNS:
            self._get(f"web list: run {number}", f"{number}/artifacts")
        self._get("web list: HEAD", f"{run}/artifacts", method="HEAD")
        self._get("web list: with a slash at the end", f"{run}/artifacts/")

    def _download(self, note: str, name: str, run: Task | str | None = None, **told: Any) -> None:
        """Download an artifact of a run, by what this version knows a run by."""
        told_by = run if isinstance(run, str) else self._own(run or self.first)
        self._get(f"web download: {note}", f"{told_by}/artifacts/{named(name)}", **told)

    def _own(self, task: Task) -> str:
        return str(task.context["run_id"] if self.hand.major >= 13 else task.run_number)

    def _downloads(self) -> None:
        for name in (*KNOWN[:-2], "no-such", "ONE", "0", "-1", "999999"):
            self._download(name, name)
        self._download("a negative number in a run that is complete", "-1", self.same)
        for name in ("one", "three", "single", "old4", "part"):
            for turn, number in enumerate(self.ids[name]):
                self._download(f"by artifact id of {name} {turn}", str(number))
        self._download("the same name in another run", "one", self.same)
        self._download("of a running run", "early", self.running)
        self._download("by artifact id of another run", str(self.ids["one"][0]), self.same)
        self._download("by run number", "one", str(self.first.run_number))
        self._download("by run id", "one", str(self.first.context["run_id"]))
        self._download("run of another repository", "one", str(self.foreign.context["run_id"]))
        for run in RUNS:
            self._download(f"run {run}", "one", run)

    def _ranges(self) -> None:
        for name in ("one", "three"):
            for wanted in RANGES if name == "one" else RANGES[:1] + RANGES[-1:]:
                self._download(f"{name}: Range {wanted}", name, headers={"Range": wanted})
            self._download(f"{name}: HEAD", name, method="HEAD")
            old = {"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"}
            self._download(f"{name}: not modified", name, headers=old)
            old = {"Range": "bytes=0-15", "If-Range": "Mon, 01 Jan 2001 00:00:00 GMT"}
            self._download(f"{name}: If-Range of another time", name, headers=old)

    def _names(self) -> None:
        for name in (*ODD, ODD_OF_V3):
            self._download(f"name {name!r}", name, self.odd)
        where = f"{self._own(self.odd)}/artifacts"
        for path in ("with+space", "a/b", "plus+and&"):
            self._get(f"web download: spelled {path}", f"{where}/{path}")

    def _readers(self) -> None:
        listed = f"{self.first.run_number}/artifacts"
        html = {"Accept": "text/html"}
        public = f"{self.pub.paths.web}/runs/1/artifacts"
        for voice in ("anonymous", "reader", "outsider", "token"):
            self._get(f"web list: {voice}", listed, voice)
            self._download(f"asked by {voice}", "one", voice=voice)
        self._get("web list: accepts html, anonymous", listed, "anonymous", headers=html)
        self.ask.ask("anonymous", "web list: public repository", "GET", public)
        run = self.public.context["run_id"] if self.hand.major >= 13 else 1
        path = f"{self.pub.paths.web}/runs/{run}/artifacts/one"
        self.ask.ask("anonymous", "web download: public repository", "GET", path)

    def _delete(self, note: str, name: str, voice: str = "session", run: Task | str | None = None, **told: Any) -> None:
        number = run if isinstance(run, str) else (run or self.first).run_number
        self.ask.ask(voice, f"web delete: {note}", "DELETE", f"{self.web}/{number}/artifacts/{named(name)}", **told)

    def _deletes(self) -> None:
        for voice in ("anonymous", "reader", "outsider", "token"):
            self._delete(f"asked by {voice}", "one", voice)
        self._delete("Origin of another site", "one", headers={"Origin": "https://evil.test"})
        self._delete("no CSRF token", "no-such", "careless", csrf=False)
        for run in RUNS:
            self._delete(f"run {run}", "no-such", run=run)
        self._delete("by run id", "one", run=str(self.first.context["run_id"]))
        for name in ("no-such", "older4", "older3", "uploading", "part", "both"):
            self._delete(name, name)
        self._delete("by artifact id", str(self.ids["one"][0]))
        self._delete("by a writer", "gone by writer", "writer")
        for name in ("gone4", "gone3"):
            self._delete(name, name)
            self._delete(f"{name} a second time", name)
            self._download(f"{name}, deleted", name)
        for name in ("a/b", "50%25", "with space", "new\nline", "..", "-1", "ünï 漢字"):
            self._delete(f"name {name!r}", name, run=self.odd)
        self._get("web list: after deletes", f"{self.first.run_number}/artifacts")
        self._get("web list: odd names, after deletes", f"{self.odd.run_number}/artifacts")
        self.hand.clean_up()
        self._download("gone4, cleaned up", "gone4")

    def _cancel(self, note: str, voice: str = "session", run: str | None = None, **told: Any) -> None:
        path = f"{self.web}/{run or self.running.run_number}/cancel"
        self.ask.ask(voice, f"web cancel: {note}", "POST", path, **told)

    def _cancels(self) -> None:
        for voice in ("anonymous", "reader", "outsider", "token"):
            self._cancel(f"asked by {voice}", voice)
        self._cancel("Origin of another site", headers={"Origin": "https://evil.test"})
        self._cancel("no CSRF token", "careless", run=str(self.empty.run_number), csrf=False)
        for run in RUNS:
            self._cancel(f"run {run}", run=run)
        self._cancel("by run id", run=str(self.running.context["run_id"]))
        self._cancel("a run that is over", run=str(self.empty.run_number))
        self._cancel("running", "writer")
        self._cancel("a second time")
        view = self.art.paths.view(self.running.run_number)
        self.ask.ask("session", "web cancel: state after", "POST", view, json=STATE)
        self._get("web list: cancelled", f"{self.running.run_number}/artifacts")
        self._download("of a cancelled run", "early", self.running)
