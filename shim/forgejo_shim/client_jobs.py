"""One job with its attempts and steps for `Client`, from the operation that a patched server has itself (D1)."""

from __future__ import annotations

from .api_job import NOT_SO, parse_details
from .client_session import ClientSession
from .errors import PageChanged
from .models import JobDetails, Repo
from .operations import JOB
from .paths import job_path


class ClientJobs:
    """Reads single jobs."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def details(self, repo: Repo, job_id: int, *, brief: bool) -> JobDetails:
        """The job in full. Raises ShimError."""
        what = f"job {job_id} of {repo}"
        answer = self._asking.json(job_path(repo, job_id, brief=brief), what, JOB.path)
        try:
            return parse_details(answer)
        except NOT_SO as fault:
            raise PageChanged(f"{what} was not understood ({fault!a}); report this server's version") from None
