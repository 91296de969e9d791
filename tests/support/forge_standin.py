"""A stand-in for the commit status APIs of GitHub, GitLab and Gitea, over HTTP."""

import json
from dataclasses import dataclass
from urllib.parse import unquote

from tests.support.http_servers import Handler, Server

TOKEN = "token-of-a-forge-0123456789"
PROJECT = "school/datasets"
API = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}
STATES = {
    "github": {"error", "failure", "pending", "success"},
    "gitlab": {"pending", "running", "success", "failed", "canceled", "skipped"},
    "gitea": {"pending", "success", "error", "failure", "warning"},
}
LONGEST = {"github": 140, "gitlab": 255, "gitea": 1 << 16}


@dataclass(frozen=True)
class Refusal:
    """An error the forge returns instead of handling the call; `body` replaces its JSON."""

    status: int
    message: str = "refused"
    headers: tuple = ()
    body: bytes = b""


class ForgeServer(Server):
    """Stores statuses by commit and context, newest last; each of `refusals` answers one call."""

    def __init__(self, kind):
        self.kind = kind
        self.statuses = {}
        self.refusals = []
        self.calls = 0
        super().__init__(_Forge)

    @property
    def api(self):
        return f"{self.url}{API[self.kind]}"

    @property
    def project_path(self):
        kind = "projects" if self.kind == "gitlab" else "repos"
        path = PROJECT.replace("/", "%2F") if self.kind == "gitlab" else PROJECT
        return f"{API[self.kind]}/{kind}/{path}"

    def statuses_of(self, commit, context="merlin/trial"):
        """Return the statuses of a commit, oldest first."""
        return self.statuses.get((commit, context), [])

    def states(self, commit, context="merlin/trial"):
        return [status["state"] for status in self.statuses_of(commit, context)]


class _Forge(Handler):
    def refuse(self, status, message):
        self.answer(status, json.dumps({"message": message}).encode())

    def accept_call(self):
        server = self.server
        server.calls += 1
        if server.refusals:
            refusal = server.refusals.pop(0)
            body = refusal.body or json.dumps({"message": refusal.message}).encode()
            self.answer(refusal.status, body, **dict(refusal.headers))
            return False
        kind = server.kind
        token = self.headers.get(
            "PRIVATE-TOKEN" if kind == "gitlab" else "Authorization"
        )
        expected = {
            "github": f"Bearer {TOKEN}",
            "gitlab": TOKEN,
            "gitea": f"token {TOKEN}",
        }[kind]
        if token != expected:
            self.refuse(401, "Bad credentials")
            return False
        if not f"{self.path}/".startswith(f"{server.project_path}/"):
            self.refuse(404, "Not Found")
            return False
        return True

    def get(self):
        if self.accept_call():
            self.answer(200, json.dumps({"full_name": PROJECT}).encode())

    def post(self):
        document = json.loads(self.body())
        if not self.accept_call():
            return
        server = self.server
        commit = unquote(self.path.rpartition("/statuses/")[2])
        if document["state"] not in STATES[server.kind]:
            self.refuse(422, "state is not included in the list")
        elif len(document.get("description", "")) > LONGEST[server.kind]:
            self.refuse(422, "description is too long")
        else:
            statuses = server.statuses.setdefault((commit, document["context"]), [])
            if (
                server.kind == "gitlab"
                and statuses
                and statuses[-1]["state"] == document["state"]
            ):
                message = (
                    f"Cannot transition status via :enqueue from :{document['state']}"
                )
                self.refuse(400, message)
                return
            statuses.append(document)
            self.answer(201, json.dumps(document).encode())
