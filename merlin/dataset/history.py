"""History of an example: the commits that wrote what builds taught, with its words then.

Read from the rows of builds, so that no process but the daemon needs the repository; what was
never built is known to git alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from merlin.core.clock import from_iso
from merlin.dataset.builds import build_version
from merlin.db.database import Repository
from merlin.db.values import messages_of

# Older ones are read in git.
MOST_VERSIONS = 50
_VERSIONS = """
SELECT made.sha, made.author_name, made.committed_at, made.subject, said.messages, build.number
FROM taught_example AS taught
JOIN seen_commit AS made ON made.sha = taught.commit_sha
JOIN example_text AS said ON said.digest = taught.text_digest
JOIN build ON build.id = taught.first_build
WHERE taught.dataset = ? AND taught.example_id = ? AND build.is_whole = 1
ORDER BY taught.first_build DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class ExampleVersion:
    """An example as a commit left it; `build` is the first that taught it so."""

    commit: str
    author: str
    at: datetime
    subject: str
    question: str
    answer: str
    build: str


class ExampleHistory(Repository):
    """What builds taught of examples, version by version."""

    def of(self, dataset: str, example_id: str) -> Sequence[ExampleVersion]:
        """Return an example's versions, newest first; builds that taught the same are one."""
        versions = list[ExampleVersion]()
        for sha, author, at, subject, messages, number in self.db.sql(
            _VERSIONS, dataset, example_id, MOST_VERSIONS
        ):
            said = messages_of(str(messages))
            question = next((each.content for each in said if each.role == "user"), "")
            version = ExampleVersion(
                str(sha),
                str(author),
                from_iso(str(at)),
                str(subject),
                question,
                said[-1].content,
                build_version(dataset, int(number)) or "",
            )
            if versions and _says(versions[-1]) == _says(version):
                versions[-1] = version  # taught by an earlier build already
            else:
                versions.append(version)
        return versions


def _says(version: ExampleVersion) -> tuple[str, str]:
    return version.question, version.answer
