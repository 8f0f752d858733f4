"""Ids for artifacts of servers whose web UI knows them by run and name only.

Rules: pure. An id says where to look, and is found again from nothing but itself: any process gives the same artifact
the same id. Ids are below 2^53, which JavaScript can hold, and above 2^52, where no server's own id is.

    of a run by its id (12 and later)   1 0 | run id, 27 bits     | hash of the name, 24 bits
    of a run by its number (11)         1 1 | run number, 21 bits | hash of repository and name, 30 bits

The API finds a run id in its own repository only. A run number is in each, so there the repository is in the hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

MARK = 1 << 52
BY_NUMBER = 1 << 51  # the second mark: the run is told by its number
BITS = 51  # of run and hash together
HASH_OF_ID, HASH_OF_NUMBER = 24, 30  # bits


@dataclass(frozen=True)
class ArtifactRun:
    """The run that an artifact's id names: by its database id, or with `repo` (a repository's key) by its number."""

    run: int
    repo: str = ""

    @property
    def fits(self) -> bool:
        """Whether the ids have room for the run."""
        return 0 < self.run < 1 << (BITS - self._hash_bits)

    def artifact_id(self, name: str) -> int:
        """The id of the artifact of that name. Two names can have the same; the run has to fit."""
        digest = sha256(f"{self.repo}\n{name}".encode("utf-8", "surrogatepass")).digest()
        marks = MARK | (BY_NUMBER if self.repo else 0)
        return marks | self.run << self._hash_bits | int.from_bytes(digest[:8]) >> (64 - self._hash_bits)

    @property
    def _hash_bits(self) -> int:
        return HASH_OF_NUMBER if self.repo else HASH_OF_ID


def run_of(artifact_id: int, repo: str = "") -> ArtifactRun | None:
    """The run that an id names: by its id, or with `repo` by its number there. None if no such id is made."""
    if artifact_id >> 52 != 1 or bool(artifact_id & BY_NUMBER) != bool(repo):
        return None
    bits = HASH_OF_NUMBER if repo else HASH_OF_ID
    found = ArtifactRun((artifact_id & (BY_NUMBER - 1)) >> bits, repo)
    return found if found.fits else None
