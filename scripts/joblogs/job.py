"""One job as the runner goes through it: actions, the steps with commands, actions, and their ends in reverse order.

After a failure only steps that are `always` are run, and when the job itself is stopped, no more steps. What the runner
does not show, `rows.py` leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recipes import Log, Step
from rows import Rows
from sandbox import Ran

IMAGE = "data.forgejo.org/oci/node:22-bookworm"
VERSIONS = {12: "v12.8.0", 6: "v6.4.0"}
NOT_FOUND = "command not found, please refer to https://github.com/nektos/act/issues/107 for more information"
# Why commands were killed: the reason that the runner gives, and its last words.
STOPS = {
    "cancelled": ("context canceled", "context canceled"),
    "step too long": ("context deadline exceeded", "Job 'build' failed"),
    "job too long": (
        "context deadline exceeded",
        "The runner cancelled the job because it exceeds the maximum run time",
    ),
}

RunStep = Callable[[int, Step], Ran]


@dataclass(frozen=True)
class Action:
    """What somebody's action prints, in its step and after the last one."""

    uses: str
    main: str
    post: str = ""


class Job:
    """A job of these actions and steps; `run_step` runs a step's commands, by its number."""

    def __init__(self, log: Log, before: list[Action], after: list[Action], run_step: RunStep) -> None:
        self.log, self.before, self.after, self.run_step = log, before, after, run_step
        self.rows = Rows(len(before) + len(log.steps) + len(after), log.runner)
        self.failed = False
        self.stopped = False

    def run(self) -> Rows:
        """The rows of the whole job."""
        self.begin()
        for number, action in enumerate(self.before):
            self.use(number, action)
        for number, step in enumerate(self.log.steps, len(self.before)):
            if not self.stopped:
                if step.always or not self.failed:
                    self.step(number, step)
                self.rows.end(number)
        for number, action in enumerate(self.after, len(self.before) + len(self.log.steps)):
            if not self.stopped:
                self.use(number, action)
        self.finish()
        return self.rows

    def begin(self) -> None:
        """What the runner says before the first step."""
        rows = self.rows
        version = VERSIONS[self.log.runner]
        rows.say(f"runner-1(version:{version}) received task 4711 of job build, be triggered by event: push")
        rows.say("workflow prepared")
        if not self.log.terminal:
            self.begin_container()
        for action in (*self.before, *self.after):
            name, _, ref = action.uses.partition("@")
            url = name if name.startswith("https:") else f"https://data.forgejo.org/{name}"
            rows.say(f"  \u2601\ufe0f  git clone '{url}' # ref={ref}")
            rows.pause(0.4)

    def begin_container(self) -> None:
        """What the runner says of the job's container."""
        rows = self.rows
        rows.say(f"\U0001f680  Start image={IMAGE}")
        rows.say(f"  \U0001f433  docker pull image={IMAGE} platform= username= forcePull=false")
        rows.pause(3)
        create = f'image={IMAGE} platform= entrypoint=["/bin/sleep" "10800"] cmd=[] network="bridge"'
        rows.say(f"  \U0001f433  docker create {create}")
        rows.say(f"  \U0001f433  docker run {create}")

    def use(self, number: int, action: Action) -> None:
        """A step that is somebody's action."""
        self.rows.say(f"\u2b50 Run Main {action.uses}")
        self.rows.output(number, action.main.encode())
        self.rows.say(f"  \u2705  Success - Main {action.uses}")
        self.rows.end(number)
        self.rows.pause(1.5)

    def step(self, number: int, step: Step) -> None:
        """A step that runs commands."""
        rows, ran = self.rows, self.run_step(number, step)
        name = step.name or step.run
        rows.say(f"\u2b50 Run Main {name}")
        if not self.log.terminal:
            command = f"bash --noprofile --norc -e -o pipefail /var/run/act/workflow/{number}.sh"
            rows.say(f"  \U0001f433  docker exec cmd=[{command}] user= workdir=")
        rows.output(number, ran.printed)
        rows.pause(0.7)
        if not (ran.code or ran.stopped):
            rows.say(f"  \u2705  Success - Main {name}")
            return
        self.failed, self.stopped = True, ran.stopped and self.log.stop != "step too long"
        rows.say(f"  \u274c  Failure - Main {name}")
        rows.end(number)
        rows.fail(number, self.reason(ran))

    def reason(self, ran: Ran) -> str:
        """Why a step failed, as the runner says it of a container, or without one."""
        stopped = STOPS[self.log.stop][0] if ran.stopped else ""
        if self.log.terminal:
            killed = f"this step has been cancelled: ctx: {stopped}, exec: RUN signal: killed"
            return killed if stopped else f"RUN exit status {ran.code}"
        return stopped or f"exitcode '{ran.code}': {NOT_FOUND if ran.code == 127 else 'failure'}"

    def finish(self) -> None:
        """What actions and runner say after the last step."""
        rows = self.rows
        for action in (*reversed(self.after), *reversed(self.before)):
            if action.post and self.log.stop != "job too long":
                rows.say(f"\u2b50 Run Post {action.uses}")
                for line in action.post.splitlines():
                    rows.remark(line)
                    rows.say(line)
                rows.say(f"  \u2705  Success - Post {action.uses}")
                rows.pause(0.3)
        if self.log.runner < 12:
            rows.say("Cleaning up container for job build")
        rows.end_all()
        rows.say(f"\U0001f3c1  Job {'failed' if self.failed else 'succeeded'}")
        if self.failed:
            rows.say(STOPS[self.log.stop][1] if self.log.stop else "Job 'build' failed")
