"""A Hub on the loopback: what the unmodified client of huggingface_hub asks of the real one, with faults on demand.

Repos with commits, branches, tags and pull requests; files read whole or in ranges; uploads by preupload, git LFS (one
PUT, or several parts) and one commit with its parent; jobs; tokens that may read or write. Xet is not spoken: the
client must be told so (`HF_HUB_DISABLE_XET=1`).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import select
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote

from hub_jobs import FLAVORS, Jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest
    from hub_jobs import Job

KIND = r"(?P<kind>models|datasets)"
ID = r"(?P<id>[^/]+(?:/[^/]+)??)"  # ids of old repos have no namespace
REVISION = r"(?P<revision>[^/]+)"
JOB = r"/api/jobs/(?P<owner>[^/]+)/(?P<job>[^/]+)"
ROUTES = [
    (method, name, re.compile(path))
    for method, name, path in (
        ("GET", "whoami", r"/api/whoami-v2"),
        ("POST", "exchange", r"/oauth/token"),
        ("POST", "create", r"/api/repos/create"),
        ("GET", "hardware", r"/api/jobs/hardware"),
        ("POST", "run", r"/api/jobs/(?P<owner>[^/]+)"),
        ("GET", "jobs", r"/api/jobs/(?P<owner>[^/]+)"),
        ("GET", "job", JOB),
        ("GET", "logs", rf"{JOB}/logs"),
        ("POST", "cancel", rf"{JOB}/cancel"),
        ("POST", "validate", r"/api/validate-yaml"),
        ("GET", "info", rf"/api/{KIND}/{ID}(?:/revision/{REVISION})?"),
        ("GET", "may_read", rf"/api/{KIND}/{ID}/auth-check"),
        ("GET", "tree", rf"/api/{KIND}/{ID}/tree/{REVISION}(?:/(?P<path>.+))?"),
        ("POST", "paths", rf"/api/{KIND}/{ID}/paths-info/{REVISION}"),
        ("GET", "refs", rf"/api/{KIND}/{ID}/refs"),
        ("GET", "commits", rf"/api/{KIND}/{ID}/commits/{REVISION}"),
        ("GET", "discussions", rf"/api/{KIND}/{ID}/discussions"),
        ("POST", "preupload", rf"/api/{KIND}/{ID}/preupload/{REVISION}"),
        ("POST", "commit", rf"/api/{KIND}/{ID}/commit/{REVISION}"),
        ("POST", "tag", rf"/api/{KIND}/{ID}/tag/{REVISION}"),
        ("DELETE", "untag", rf"/api/{KIND}/{ID}/tag/{REVISION}"),
        ("POST", "batch", rf"/(?:(?P<kind>datasets)/)?{ID}\.git/info/lfs/objects/batch"),
        ("PUT", "put", rf"/lfs/{KIND}/{ID}/(?P<oid>[0-9a-f]{{64}})(?:/(?P<part>\d+))?"),
        ("POST", "complete", rf"/lfs/{KIND}/{ID}/(?P<oid>[0-9a-f]{{64}})"),
        ("HEAD", "head", rf"/(?:(?P<kind>datasets)/)?{ID}/resolve/{REVISION}/(?P<path>.+)"),
        ("GET", "get", rf"/(?:(?P<kind>datasets)/)?{ID}/resolve/{REVISION}/(?P<path>.+)"),
    )
]
"""What can be asked: method, name of the step, path."""

KINDS_OF_FAULT = (
    "500", "503", "429", "401", "403", "412", "drop before", "drop after", "hang", "late", "truncated",
)  # fmt: skip
"""A status; a connection that closes before or after the effect; no answer at all, without the effect or with it when
the client has given up; and an answer that breaks off in the middle, the effect done. Besides, `slow` is an answer that
comes in time, and `conflict` what `create` says while another repo is being made."""

UNANSWERED = ("hang", "late")
"""Those after which a client hears nothing until it gives up."""


@dataclass
class Repo:
    """A repo: commits hold whole trees, refs name commits."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    """Branches, and pull requests as `refs/pr/1`."""
    tags: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    """Commits on `main` with their messages, oldest first."""
    pulls: list[str] = field(default_factory=list)
    """Titles of pull requests, the first one number 1."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded by LFS, by SHA-256; another repo's cannot be committed here."""
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    granted: set[str] = field(default_factory=set)
    """Accounts that may read it although it is gated."""

    def commit(self, files: Mapping[str, bytes], ref: str = "main", parent: str = "", message: str = "a commit") -> str:
        """Put a tree on a branch; returns the commit id, a hash of the tree, its parent and the message."""
        parent = parent or self.refs.get(ref, "")
        digest = hashlib.sha1(f"{parent}\0{message}\0".encode())
        for path, content in sorted(files.items()):
            digest.update(path.encode() + b"\0" + content)
        made = digest.hexdigest()
        self.commits[made] = dict(files)
        if ref == "main":
            self.log.append((made, message))
        self.refs[ref] = made
        return made

    def tree(self, revision: str = "main") -> dict[str, bytes]:
        """The files at a revision."""
        return self.commits[self.resolve(revision) or ""]

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit id means."""
        commit = self.refs.get(revision) or self.tags.get(revision, revision)
        return commit if commit in self.commits else None


class Account(NamedTuple):
    """Who a token is, and what it may do."""

    name: str
    role: str = "write"
    orgs: tuple[str, ...] = ()
    rights: Mapping[str, Any] | None = None
    """What a fine-grained token may do."""


class Reply(NamedTuple):
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    stream: Iterator[bytes] | None = None
    """Pieces that come as they are made, in the place of a body."""


class Refusal(Exception):  # noqa: N818
    """An error that the client is told, with the Hub's code for it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(
            status,
            json.dumps({"error": message}).encode(),
            {**(headers or {}), "X-Error-Code": code, "X-Error-Message": message},
        )


class Hub:
    """A server in a thread, with the requests it got, and the faults it is told to have."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.moved: dict[tuple[str, str], str] = {}
        self.accounts: dict[str, Account] = {}
        """By token. Where there are none, everybody may read, and nobody write."""
        self.publishers: dict[tuple[str, str], str] = {}
        """Trusted publishing: an identity token and a repo → the token that they are given for."""
        self.faults: dict[str, tuple[int, str]] = {}
        """Part of a path → status and error code to answer with."""
        self.cut: set[str] = set()
        """Parts of paths whose answers break off in the middle."""
        self.jobs = Jobs()
        self.injected: dict[str, list[str]] = {}
        """Step → faults it will have, one a request."""
        self.had: list[tuple[str, str]] = []
        """Step and fault of those it had."""
        self.before: Callable[[str], None] = lambda step: None
        """Called when a request has come, before anything is done about it."""
        self.after: Callable[[str], None] = lambda step: None
        """Called when a request has had its effect, before it is answered."""
        self.under_way = 0
        """Requests that have come and are not answered yet, or not given up."""
        self.spoiled: dict[str, bytes] = {}
        """Path of a file → what is sent instead of its content, under its hash."""
        self.part_size = 0
        """Bytes of a part of an LFS upload; 0 takes files whole."""
        self.page = 1000
        """Files a page of a tree."""
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.RLock()
        self.answered = threading.Condition()
        hub = self

        class Bound(Handler):
            pass

        Bound.hub = hub
        self._server = Server(("127.0.0.1", 0), Bound)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, kind: str, id: str, files: Path | Mapping[str, bytes]) -> str:
        """Commit files, or all of a folder, to a repo (`models` or `datasets`); returns the commit id."""
        if not hasattr(files, "items"):
            folder = files
            files = {
                path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
            }
        return self.repos.setdefault((kind, id), Repo()).commit(files)

    def inject(self, step: str, fault: str, times: int = 1) -> None:
        """Let the next requests of a step go wrong."""
        self.injected[step] = [fault] * times

    def settle(self) -> None:
        """Wait until all that was asked has had its effect, also what its client has given up."""
        with self.answered:
            assert self.answered.wait_for(lambda: self.under_way == 0, timeout=60), self.requests

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """A request, from its coming until nothing more is done about it."""
        with self.answered:
            self.under_way += 1
        try:
            yield
        finally:
            with self.answered:
                self.under_way -= 1
                self.answered.notify_all()

    def asked(self, method: str, part: str = "") -> list[str]:
        """The requests of a method whose path has this part."""
        return [request for request in self.requests if request.startswith(f"{method} ") and part in request]


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is nothing to tell of; any other error is."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One request: routed, done, answered; a method named like its step does it."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def serve(self) -> None:
        with self.hub.serving():
            self.handle_request()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

    def handle_request(self) -> None:
        # Read even where it is refused: else the connection holds it before the next request.
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = self.read_chunks()
        self.hub.requests.append(f"{self.command} {self.path}")
        self.hub.headers.append({name.lower(): value for name, value in self.headers.items()})
        path, _, self.query = self.path.partition("?")
        step, found = next(
            (
                (name, match)
                for method, name, route in ROUTES
                if self.fits(method, name) and (match := route.fullmatch(path))
            ),
            ("", None),
        )
        self.hub.before(step)
        waiting = self.hub.injected.get(step)
        fault = waiting.pop(0) if waiting else ""
        if fault:
            self.hub.had.append((step, fault))
        if fault == "drop before":
            return self.hang_up()
        if fault == "slow":
            time.sleep(0.1)
        if fault in UNANSWERED:
            select.select([self.connection], [], [], 60)  # nothing more comes but the end: the client has given up
        if fault == "hang":
            return self.hang_up()
        if fault == "conflict":
            reply = Refusal(409, "", "Cannot create repo: another conflicting operation is in progress").reply
        elif fault.isdigit():
            told = {"429": {"Retry-After": "1"}}.get(fault, {})
            reply = Refusal(int(fault), "", f"injected {fault}", told).reply
        else:
            with self.hub.lock:
                reply = self.reply(step, path, found)
        if not fault.isdigit() and fault != "conflict":
            self.hub.after(step)
        if fault in ("drop after", "late"):
            return self.hang_up()
        cut = fault == "truncated" or (self.command == "GET" and any(part in self.path for part in self.hub.cut))
        return self.answer(reply, cut)

    def fits(self, method: str, name: str) -> bool:
        # `HEAD` of anything but a file is a `GET` without its answer.
        return method == self.command or (self.command == "HEAD" and method == "GET" and name != "get")

    def read_chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def hang_up(self) -> None:
        self.close_connection = True

    def reply(self, step: str, path: str, found: re.Match[str] | None) -> Reply:
        for part, (status, code) in self.hub.faults.items():
            if part in path:
                return Refusal(status, code, "out of order").reply
        if found is None:
            return Refusal(404, "", "no such route").reply
        self.found = found.groupdict()
        try:
            if "id" not in self.found:
                return getattr(self, step)()
            kind, id = self.found.get("kind") or "models", self.found["id"]
            if (kind, id) in self.hub.moved:
                to = self.hub.moved[kind, id]
                target = path.replace(f"/{id}/", f"/{to}/", 1) + (f"?{self.query}" if self.query else "")
                return Reply(307, b"", {"Location": target})
            repo = self.hub.repos.get((kind, id))
            if repo is None or (repo.private and step not in ("put", "complete") and not self.owns(id)):
                raise Refusal(404, "RepoNotFound", "Repository not found")
            self.kind, self.id, self.repo = kind, id, repo
            return getattr(self, step)()
        except Refusal as refusal:
            return refusal.reply

    # Who may

    def account(self) -> Account | None:
        return self.hub.accounts.get(self.headers.get("Authorization", "").removeprefix("Bearer "))

    def owns(self, id: str) -> bool:
        account = self.account()
        return account is not None and id.partition("/")[0] in (account.name, *account.orgs)

    def must_write(self, id: str, anyone: bool = False) -> None:
        account = self.account()
        if account is None:
            raise Refusal(401, "", "Invalid username or password.")
        if account.role == "read":
            raise Refusal(403, "", "you must use a write token to upload to a repository")
        if not anyone and not self.owns(id):
            raise Refusal(403, "", "you don't have the rights to write to this repo; pass `create_pr=1`")

    def whoami(self) -> Reply:
        account = self.account()
        if account is None:
            raise Refusal(401, "", "Invalid credentials in Authorization header")
        orgs = [{"name": name} for name in account.orgs]
        token = {"role": account.role} | ({"fineGrained": account.rights} if account.rights else {})
        return self.json({"name": account.name, "orgs": orgs, "auth": {"accessToken": token}})

    def exchange(self) -> Reply:
        wanted = json.loads(self.body)
        token = self.hub.publishers.get((wanted["subject_token"], wanted["resource"]))
        if token is None:
            raise Refusal(401, "", "no trusted publisher fits this identity token")
        return self.json({"access_token": token, "token_type": "bearer", "expires_in": 3600})

    # Repos

    def create(self) -> Reply:
        wanted = json.loads(self.body)
        account = self.account()
        id = f"{wanted.get('organization') or (account.name if account else '')}/{wanted['name']}"
        self.must_write(id)
        kind = f"{wanted.get('type') or 'model'}s"
        url = f"{self.hub.endpoint}/{'datasets/' if kind == 'datasets' else ''}{id}"
        if (kind, id) in self.hub.repos:
            refusal = Refusal(409, "", "You already created this repo").reply
            return refusal._replace(body=json.dumps({"error": "You already created this repo", "url": url}).encode())
        repo = self.hub.repos[kind, id] = Repo(private=wanted.get("visibility") == "private")
        repo.commit(
            {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}, message="initial commit"
        )
        return self.json({"url": url, "name": id})

    def validate(self) -> Reply:
        content = json.loads(self.body)["content"]
        found = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        if found is None:
            return self.json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
        wrong = [line for line in found[1].splitlines() if re.match(r"license: (?![a-z0-9.-]+$)", line)]
        if wrong:
            message = f'"license" must be one of the known ones ({wrong[0]})'
            return self.json({"errors": [{"message": message}], "warnings": []}, 400)
        return self.json({"errors": [], "warnings": []})

    def at(self) -> str:
        """The commit that is asked about."""
        revision = unquote(self.found.get("revision") or "main")
        commit = self.repo.resolve(revision)
        if commit is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def info(self) -> Reply:
        commit = self.at()
        siblings = [{"rfilename": path} for path in self.repo.commits[commit]]
        gate, private = self.repo.gated, self.repo.private
        return self.json(
            {"id": self.id, "modelId": self.id, "sha": commit, "private": private, "gated": gate, "siblings": siblings}
        )

    def tree(self) -> Reply:
        commit = self.at()
        folder = unquote(self.found["path"] or "")
        files = [
            listed(path, content)
            for path, content in sorted(self.repo.commits[commit].items())
            if not folder or path.startswith(f"{folder}/")
        ]
        if folder and not files:
            raise Refusal(404, "EntryNotFound", f"{folder} does not exist on {commit}")
        start = int(parse_qs(self.query).get("cursor", ["0"])[0])
        headers = {}
        if start + self.hub.page < len(files):
            following = (
                f"{self.hub.endpoint}{self.path.partition('?')[0]}?recursive=True&cursor={start + self.hub.page}"
            )
            headers["Link"] = f'<{following}>; rel="next"'
        return self.json(files[start : start + self.hub.page], headers=headers)

    def paths(self) -> Reply:
        files = self.repo.commits[self.at()]
        wanted = parse_qs(self.body.decode()).get("paths", [])
        return self.json([listed(path, files[path]) for path in wanted if path in files])

    def refs(self) -> Reply:
        branches = [(name, f"refs/heads/{name}", at) for name, at in self.repo.refs.items() if "/" not in name]
        tags = [(name, f"refs/tags/{name}", at) for name, at in self.repo.tags.items()]
        pulls = [(name.removeprefix("refs/"), name, at) for name, at in self.repo.refs.items() if "/" in name]
        rows = {"branches": branches, "converts": [], "tags": tags, "pullRequests": pulls}
        return self.json(
            {
                name: [{"name": short, "ref": ref, "targetCommit": at} for short, ref, at in row]
                for name, row in rows.items()
            }
        )

    def commits(self) -> Reply:
        when = "2026-01-01T00:00:00.000Z"
        return self.json(
            [
                {"id": commit, "title": message, "message": "", "date": when, "authors": []}
                for commit, message in reversed(self.repo.log)
            ]
        )

    def discussions(self) -> Reply:
        rows = [
            {
                "title": title,
                "num": number,
                "author": {"name": "somebody"},
                "createdAt": "2026-01-01T00:00:00.000Z",
                "status": "open",
                "repo": {"name": self.id, "type": self.kind.removesuffix("s")},
                "isPullRequest": True,
            }
            for number, title in enumerate(self.repo.pulls, start=1)
        ]
        return self.json({"discussions": rows, "count": len(rows), "start": 0})

    # Files

    def head(self) -> Reply:
        return self.get()

    def must_be_granted(self) -> None:
        # What a repo holds can be seen by everybody; its files are what is gated.
        account = self.account()
        if self.repo.gated and (account is None or account.name not in self.repo.granted):
            raise Refusal(403, "GatedRepo", f"Access to model {self.id} is restricted")

    def may_read(self) -> Reply:
        self.must_be_granted()
        return Reply(200)

    def get(self) -> Reply:
        self.must_be_granted()
        commit = self.at()
        path = unquote(self.found["path"])
        content = self.repo.commits[commit].get(path)
        headers = {"X-Repo-Commit": commit}
        if content is None:
            raise Refusal(404, "EntryNotFound", "Entry not found", headers)
        etag = hashlib.sha256(content).hexdigest() if lfs(path, content) else blob_id(content)
        headers |= {"ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        content = self.hub.spoiled.get(path, content)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if found is None:
            return Reply(200, content, headers)
        start, end = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
        if start >= len(content):
            raise Refusal(416, "", "Range not satisfiable", {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        return Reply(206, content[start : end + 1], headers)

    # Uploads

    def preupload(self) -> Reply:
        self.must_write(self.id, anyone="create_pr" in self.query)
        files = self.repo.commits[self.at()]
        ignored = files.get(".gitignore", b"").decode().split()
        answers = []
        for file in json.loads(self.body)["files"]:
            path, sample = file["path"], base64.b64decode(file["sample"])
            large = bool(lfs(path, sample))
            there = listed(path, files[path]) if path in files else {}
            oid = there.get("lfs", there).get("oid")
            mode = "lfs" if large else "regular"
            ignore = any(fnmatchcase(path.rpartition("/")[2], pattern) for pattern in ignored)
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": ignore, "oid": oid})
        return self.json({"files": answers})

    def signature(self, oid: str) -> str:
        """What an upload's address proves; the upload itself carries no token."""
        return hashlib.sha256(f"{id(self.hub)} {self.id} {oid}".encode()).hexdigest()[:16]

    def batch(self) -> Reply:
        self.must_write(self.id, anyone=True)
        answers = []
        for one in json.loads(self.body)["objects"]:
            oid, size = one["oid"], one["size"]
            answer: dict[str, Any] = {"oid": oid, "size": size}
            if oid not in self.repo.objects:
                address = f"{self.hub.endpoint}/lfs/{self.kind}/{self.id}/{oid}"
                signed = f"?signature={self.signature(oid)}"
                upload: dict[str, Any] = {"href": f"{address}{signed}"}
                if self.hub.part_size and size > self.hub.part_size:
                    count = -(-size // self.hub.part_size)
                    upload["header"] = {
                        "chunk_size": str(self.hub.part_size),
                        **{str(part): f"{address}/{part}{signed}" for part in range(1, count + 1)},
                    }
                answer["actions"] = {"upload": upload}
            answers.append(answer)
        return self.json({"transfer": "basic", "objects": answers})

    def must_be_signed(self) -> str:
        oid = self.found["oid"]
        if parse_qs(self.query).get("signature") != [self.signature(oid)]:
            raise Refusal(403, "", "SignatureDoesNotMatch")
        return oid

    def put(self) -> Reply:
        oid = self.must_be_signed()
        if self.found["part"]:
            self.repo.parts[oid, int(self.found["part"])] = self.body
            return Reply(200, b"", {"ETag": hashlib.md5(self.body).hexdigest()})
        return self.keep(oid, self.body)

    def complete(self) -> Reply:
        oid = self.must_be_signed()
        parts = json.loads(self.body)["parts"]
        return self.keep(oid, b"".join(self.repo.parts[oid, part["partNumber"]] for part in parts))

    def keep(self, oid: str, content: bytes) -> Reply:
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refusal(400, "", "the content has another SHA-256")
        self.repo.objects[oid] = content
        return Reply(200)

    def commit(self) -> Reply:
        pull = "create_pr=1" in self.query
        self.must_write(self.id, anyone=pull)
        ref = unquote(self.found["revision"])
        head = self.at()
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", head) != head:
            message = "The repo has been updated since the parent commit; the commit was refused"
            raise Refusal(412, "", message)
        files = dict(self.repo.commits[head])
        for line in lines[1:]:
            value = line["value"]
            path = value["path"]
            if line["key"] == "file":
                files[path] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.repo.objects:
                    raise Refusal(400, "", f"LFS pointer pointed to a file that does not exist: {path}")
                files[path] = self.repo.objects[value["oid"]]
            elif line["key"] == "deletedFile" and files.pop(path, None) is None:
                raise Refusal(404, "EntryNotFound", "A file with this name doesn't exist")
        url = None
        if pull:
            self.repo.pulls.append(header["summary"])
            ref = f"refs/pr/{len(self.repo.pulls)}"
            url = f"{self.hub.endpoint}/{self.id}/discussions/{len(self.repo.pulls)}"
        made = self.repo.commit(files, ref, head, header["summary"])
        commit_url = f"{self.hub.endpoint}/{self.id}/commit/{made}"
        return self.json({"success": True, "commitUrl": commit_url, "commitOid": made, "pullRequestUrl": url})

    def tag(self) -> Reply:
        self.must_write(self.id)
        commit, name = self.at(), json.loads(self.body)["tag"]
        if name in self.repo.tags:
            raise Refusal(409, "", f"Tag {name} already exists")
        self.repo.tags[name] = commit
        return self.json({"ref": f"refs/tags/{name}"})

    def untag(self) -> Reply:
        self.must_write(self.id)
        if self.repo.tags.pop(unquote(self.found["revision"]), None) is None:
            raise Refusal(404, "RevisionNotFound", "no such tag")
        return self.json({})

    # Jobs

    def hardware(self) -> Reply:
        rows = []
        for place, (name, flavor) in enumerate(FLAVORS.items(), start=1):
            gpu = {"type": "gpu", "model": flavor.gpu, "quantity": flavor.quantity, "vram": flavor.vram}
            price = {"unitCostMicroUSD": 167 * place, "unitCostUSD": 0.000167 * place, "unitLabel": "minute"}
            known = {
                "name": name,
                "prettyName": name,
                "cpu": flavor.cpu,
                "ram": flavor.ram,
                "ephemeralStorage": "50 GB",
            }
            rows.append({**known, "accelerator": {**gpu, "manufacturer": "Nvidia"} if flavor.gpu else None, **price})
        return self.json(rows)

    def run(self) -> Reply:
        owner = self.must_own_jobs(write=True)
        wanted = json.loads(self.body)
        if wanted.get("flavor") not in FLAVORS:
            raise Refusal(400, "", f"Invalid flavor: {wanted.get('flavor')}; one of {', '.join(FLAVORS)}")
        if not wanted.get("command") or ("dockerImage" in wanted) == ("spaceId" in wanted):
            raise Refusal(400, "", "a job has a command, and an image or a Space")
        return self.json(self.hub.jobs.start(owner, wanted).told)

    def jobs(self) -> Reply:
        owner, asked = self.must_own_jobs(), parse_qs(self.query)
        return self.json(self.hub.jobs.listed(owner, asked.get("stage", []), asked.get("label", [])))

    def job(self) -> Reply:
        return self.json(self.one_job().told)

    def logs(self) -> Reply:
        job, last = self.one_job(), parse_qs(self.query).get("tail")
        lines = self.hub.jobs.output(job, int(last[0]) if last else None)
        events = (f"data: {json.dumps({'data': line, 'timestamp': at})}\n\n".encode() for line, at in lines)
        return Reply(200, b"", {"Content-Type": "text/event-stream"}, events)

    def cancel(self) -> Reply:
        job = self.one_job(write=True)
        self.hub.jobs.cancel(job)
        return self.json(job.told)

    def one_job(self, write: bool = False) -> Job:
        owner = self.must_own_jobs(write)
        job = self.hub.jobs.all.get(self.found["job"])
        if job is None or job.owner != owner:
            raise Refusal(404, "", "Job not found")
        return job

    def must_own_jobs(self, write: bool = False) -> str:
        """The namespace that is asked about, where the token is of somebody in it."""
        account, owner = self.account(), self.found["owner"]
        if account is None:
            raise Refusal(401, "", "Invalid username or password.")
        if owner not in (account.name, *account.orgs) or (write and account.role == "read"):
            raise Refusal(403, "", f"the token has no right to the jobs of {owner}")
        return owner

    # The wire

    def json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def answer(self, reply: Reply, cut: bool) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        # Of an answer without a body, the headers are what breaks off.
        body = b"" if self.command == "HEAD" else reply.body
        if reply.stream is not None:
            self.send_stream(reply.stream, cut)
            return
        if not (cut and not body):
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
        else:
            self.flush_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def send_stream(self, pieces: Iterator[bytes], cut: bool) -> None:
        self.close_connection = True
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in islice(pieces, 1 if cut else None):
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """The requests are kept in `Hub.requests`."""


def blob_id(content: bytes) -> str:
    """The id git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def listed(path: str, content: bytes) -> dict[str, Any]:
    """A file as a tree lists it."""
    return {"type": "file", "path": path, "size": len(content), "oid": blob_id(content), **lfs(path, content)}


def lfs(path: str, content: bytes) -> dict[str, Any]:
    """What a tree says more of a file that is kept outside git, as weights, tables and other binary files are."""
    if not content or (not path.endswith((".safetensors", ".bin", ".parquet")) and b"\0" not in content[:512]):
        return {}
    return {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}}


def take_for_the_hub(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What HF_ENDPOINT does where it is set before the client is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
