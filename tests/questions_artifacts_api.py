"""The recordings' questions about artifacts and runs that only the API of 16 and later knows.

Rules: the questions that read come first; then those that may not write, then those that do; each write has a note of
its own, and a look at what it left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from questions import RANGES
from uploads import upload

if TYPE_CHECKING:
    from questions_artifacts import Artifacts

NUMBERS = ("0", "-1", "abc", "1.5", "999999", str(2**53), str(2**63 - 1), str(2**63), "99999999999999999999")
READERS = (
    "anonymous",
    "bad token",
    "token without scope",
    "read token of the owner",
    "token of the outsider",
    "token of the reader",
)
WRITERS = (*READERS, "read token of the writer")
PAGES = (
    "limit=1",
    "limit=1&page=2",
    "limit=1&page=0",
    "page=-1",
    "page=999",
    "limit=0",
    "limit=-1",
    "limit=abc",
    "page=abc",
    "limit=1000",
)
MANY = 55


def ask_api(made: Artifacts) -> None:
    """Ask everything, as the last of what reads the world that `Artifacts` made; the runs by then are over but one."""
    questions = _Api(made)
    questions.lists()
    questions.many()
    questions.single()
    questions.zips()
    questions.deletes()
    questions.cancels()
    questions.of_token()
    questions.delete_runs()


class _Api:
    def __init__(self, made: Artifacts) -> None:
        self.made, self.api = made, made.art.paths.api
        self.run = f"runs/{made.first.context['run_id']}"
        self.foreign_run = made.foreign.context["run_id"]

    def ask(self, note: str, path: str, voice: str = "token", method: str = "GET", **told: Any) -> Any:
        return self.made.ask.ask(voice, f"api {note}", method, f"{self.api}/{path}", **told)

    def ids(self, path: str) -> dict[str, int]:
        """The ids that a list gives, by name."""
        told = self.made.hand.ask("GET", f"{self.api.removeprefix('/api/v1')}/{path}?limit=50")
        return {artifact["name"]: artifact["id"] for artifact in told.json()}

    # --- reading

    def lists(self) -> None:
        self.ask("list", "artifacts")
        self.ask("list of a run", f"{self.run}/artifacts")
        for listed in ("artifacts", f"{self.run}/artifacts"):
            where = "list" if listed == "artifacts" else "list of a run"
            for name in ("one", "no-such", "ONE", "uploading", "old4", "gone", "%", "both"):
                self.ask(f"{where}: name={name}", f"{listed}?name={quote(name, safe='')}")
            for query in PAGES:
                self.ask(f"{where}: {query}", f"{listed}?name=one&{query}")
            self.ask(f"{where}: two names", f"{listed}?name=one&name=three")
            self.ask(f"{where}: HEAD", listed, method="HEAD")
            for voice in READERS:
                self.ask(f"{where}: asked by", f"{listed}?name=one", voice)
        self.ask("list of a run: name=", f"{self.run}/artifacts?name=")
        for task in (self.made.same, self.made.empty, self.made.running):
            self.ask("list of a run: another", f"runs/{task.context['run_id']}/artifacts")
        self.ask("list of a run: by its number", f"runs/{self.made.first.run_number}/artifacts")
        self.ask("list of a run: of another repository", f"runs/{self.foreign_run}/artifacts")
        for number in NUMBERS:
            self.ask(f"list of a run: {number}", f"runs/{number}/artifacts")
        public = self.made.pub.paths.api
        self.made.ask.ask("anonymous", "api list: public repository", "GET", f"{public}/artifacts")

    def many(self) -> None:
        """Pages of many artifacts; of a body only how many there are is kept."""
        self.made.art.dispatch()
        task = self.made.art.take()
        for number in range(MANY):
            upload(task, f"many {number:02}", {"n": b"n"})
        task.finish()
        for query in ("", "limit=50", "limit=51", "limit=1000", "limit=20&page=2", "limit=20&page=3", "page=2"):
            path = f"runs/{task.context['run_id']}/artifacts"
            told = self.ask(f"many artifacts: {query}", f"{path}?{query}" if query else path)
            self.made.ask.records[-1]["response"]["body"] = {"count": len(told.json())}
        self.many_run = str(task.context["run_id"])

    def each(self) -> Iterable[tuple[str, int | str]]:
        """Artifacts by the ids of their rows, and numbers that are none."""
        for name, numbers in self.made.ids.items():
            for turn, number in enumerate(numbers):
                yield f"{name} {turn}", number
        yield "of another repository", self.ids_of_foreign()
        for text in NUMBERS:
            yield text, text

    def ids_of_foreign(self) -> int:
        told = self.made.hand.api("GET", f"/repos/{self.made.their.full}/actions/runs/{self.foreign_run}/artifacts")
        return int(told[0]["id"])

    def single(self) -> None:
        for note, number in self.each():
            self.ask(f"one: {note}", f"artifacts/{number}")
        one = self.made.ids["one"][0]
        self.ask("one: HEAD", f"artifacts/{one}", method="HEAD")
        self.ask("one: slash at the end", f"artifacts/{one}/")
        for voice in READERS:
            self.ask("one: asked by", f"artifacts/{one}", voice)

    def zips(self) -> None:
        for note, number in self.each():
            self.ask(f"zip: {note}", f"artifacts/{number}/zip")
        for name in ("one", "three"):
            path = f"artifacts/{self.made.ids[name][0]}/zip"
            for wanted in RANGES:
                self.ask(f"zip: {name}, Range {wanted}", path, headers={"Range": wanted})
            self.ask(f"zip: {name}, HEAD", path, method="HEAD")
            old = {"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"}
            self.ask(f"zip: {name}, not modified", path, headers=old)
        for voice in READERS:
            self.ask("zip: asked by", f"artifacts/{self.made.ids['one'][0]}/zip", voice)
        for name, number in self.ids(f"runs/{self.made.odd.context['run_id']}/artifacts").items():
            self.ask(f"zip: name {name!r}", f"artifacts/{number}/zip")

    # --- writing

    def deletes(self) -> None:
        ids = self.made.ids
        for voice in WRITERS:
            self.ask("delete: asked by", f"artifacts/{ids['one'][0]}", voice, "DELETE")
        for note, number in self.each():
            if note.split()[0] in ("old4", "old3", "uploading", "uploading3", "of", *NUMBERS) or note == "three 1":
                self.ask(f"delete: {note}", f"artifacts/{number}", method="DELETE")
        self.ask("one: old4, deleted", f"artifacts/{ids['old4'][0]}")
        gone = self.ids(f"{self.run}/artifacts")["gone"]
        self.ask("delete: gone", f"artifacts/{gone}", "token of the writer", "DELETE")
        self.ask("delete: gone, a second time", f"artifacts/{gone}", method="DELETE")
        self.ask("one: gone", f"artifacts/{gone}")
        self.ask("zip: gone", f"artifacts/{gone}/zip")
        self.ask("list of a run: gone, deleted", f"{self.run}/artifacts?name=gone")
        for name in ("part", "both", "again"):
            self.ask(f"delete: {name}", f"artifacts/{ids[name][0]}", method="DELETE")
            self.ask(f"list of a run: {name}, deleted", f"{self.run}/artifacts?name={name}")

    def cancels(self) -> None:
        self.made.art.dispatch()
        run = str(self.made.art.take().context["run_id"])
        for voice in WRITERS:
            self.ask("cancel: asked by", f"runs/{run}/cancel", voice, "POST")
        for note, number in (*((text, text) for text in NUMBERS), ("of another repository", self.foreign_run)):
            self.ask(f"cancel: {note}", f"runs/{number}/cancel", method="POST")
        self.ask("cancel: running", f"runs/{run}/cancel", "token of the writer", "POST")
        self.ask("cancel: a second time", f"runs/{run}/cancel", method="POST")
        self.ask("cancel: a run that is over", f"runs/{self.made.empty.context['run_id']}/cancel", method="POST")
        self.ask("jobs of the cancelled run", f"runs/{run}/jobs")

    def of_token(self) -> None:
        """The run that a job's own token belongs to."""
        job = f"token {self.made.running.context['token']}"
        self.made.ask.secrets[self.made.running.context["token"]] = "<token of the job>"
        runtime = f"Bearer {self.made.running.context['gitea_runtime_token']}"
        self.made.ask.secrets[self.made.running.context["gitea_runtime_token"]] = "<runtime token of the job>"
        path = "/api/v1/actions/run"
        for note, credential in (("a job's token", job), ("a job's runtime token", runtime)):
            headers = {"Authorization": credential}
            self.made.ask.ask("job", f"api run of the token: {note}", "GET", path, headers=headers)
        for voice in ("token", "anonymous", "bad token"):
            self.made.ask.ask(voice, "api run of the token: asked by", "GET", path)
        headers = {"Authorization": job}
        self.ask("list: with a job's token", "artifacts?name=one", "job", headers=headers)
        self.ask("delete: with a job's token", "artifacts/999999", "job", "DELETE", headers=headers)

    def delete_runs(self) -> None:
        for voice in (*WRITERS, "token of the writer"):
            self.ask("delete a run: asked by", f"runs/{self.many_run}", voice, "DELETE")
        for note, number in (*((text, text) for text in NUMBERS), ("of another repository", self.foreign_run)):
            self.ask(f"delete a run: {note}", f"runs/{number}", method="DELETE")
        running = self.made.running.context["run_id"]
        self.ask("delete a run: running", f"runs/{running}", method="DELETE")
        self.ask("delete a run: over", f"runs/{self.many_run}", method="DELETE")
        self.ask("delete a run: a second time", f"runs/{self.many_run}", method="DELETE")
        self.ask("list of a run: run deleted", f"runs/{self.many_run}/artifacts")
