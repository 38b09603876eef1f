"""The reading side of the Hub on the loopback: info, tree and files of repos, as the Hub's client asks for them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

KIND = r"(?P<kind>models|datasets)"
ID = r"(?P<id>[^/]+(?:/[^/]+)??)"  # ids of old repos have no namespace
ROUTES = {
    "info": re.compile(rf"/api/{KIND}/{ID}(?:/revision/(?P<revision>[^/]+))?"),
    "tree": re.compile(rf"/api/{KIND}/{ID}/tree/(?P<revision>[^/]+)"),
    "file": re.compile(rf"/(?:(?P<kind>datasets)/)?{ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
}


@dataclass
class Repo:
    """A repo: commits hold whole trees, refs name commits."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def commit(self, files: Mapping[str, bytes]) -> str:
        """Put a tree on `main`; returns the commit id."""
        parent = self.refs.get("main", "")
        digest = hashlib.sha1(parent.encode())
        for path, content in sorted(files.items()):
            digest.update(path.encode() + b"\0" + content)
        self.commits[digest.hexdigest()] = dict(files)
        self.refs["main"] = digest.hexdigest()
        return self.refs["main"]

    def tree(self) -> dict[str, bytes]:
        """The files on `main`."""
        return self.commits[self.refs["main"]]

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit id means."""
        commit = self.refs.get(revision, revision)
        return commit if commit in self.commits else None


class Hub:
    """A server in a thread, with the requests it got, and the faults it is told to have."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.moved: dict[tuple[str, str], str] = {}
        self.faults: dict[str, tuple[int, str]] = {}
        """Part of a path → status and error code to answer with."""
        self.cut: set[str] = set()
        """Parts of paths whose answers break off in the middle."""
        self.requests: list[str] = []
        hub = self

        class Bound(Handler):
            pass

        Bound.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
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


class Handler(BaseHTTPRequestHandler):
    """One request."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        path, _, query = self.path.partition("?")
        for part, (status, code) in self.hub.faults.items():
            if part in path:
                return self.fail(status, code, "out of order")
        for name, route in ROUTES.items():
            if found := route.fullmatch(path):
                kind, id = found["kind"] or "models", found["id"]
                if (kind, id) in self.hub.moved:
                    to = self.hub.moved[kind, id]
                    target = path.replace(f"/{id}/", f"/{to}/", 1) + (f"?{query}" if query else "")
                    return self.answer(307, b"", {"Location": target})
                repo = self.hub.repos.get((kind, id))
                if repo is None:
                    return self.fail(404, "RepoNotFound", "Repository not found")
                commit = repo.resolve(unquote(found["revision"] or "main"))
                if commit is None:
                    return self.fail(404, "RevisionNotFound", f"Invalid rev id: {found['revision']}")
                return getattr(self, name)(kind, id, repo, commit, found.groupdict())
        return self.fail(404, "", "no such route")

    do_HEAD = do_GET  # noqa: N815

    def info(self, kind: str, id: str, repo: Repo, commit: str, _: dict[str, str]) -> None:
        siblings = [{"rfilename": path} for path in repo.commits[commit]]
        self.json({"id": id, "modelId": id, "sha": commit, "private": False, "gated": repo.gated, "siblings": siblings})

    def tree(self, kind: str, id: str, repo: Repo, commit: str, _: dict[str, str]) -> None:
        self.json(
            [
                {"type": "file", "path": path, "size": len(content), "oid": blob_id(content), **lfs(path, content)}
                for path, content in repo.commits[commit].items()
            ]
        )

    def file(self, kind: str, id: str, repo: Repo, commit: str, found: dict[str, str]) -> None:
        # What a repo holds can be seen by everybody; its files are what is gated.
        if repo.gated:
            return self.fail(403, "GatedRepo", f"Access to model {id} is restricted")
        content = repo.commits[commit].get(unquote(found["path"]))
        headers = {"X-Repo-Commit": commit}
        if content is None:
            return self.fail(404, "EntryNotFound", "Entry not found", headers)
        etag = hashlib.sha256(content).hexdigest() if lfs(found["path"], content) else blob_id(content)
        return self.answer(200, content, {**headers, "ETag": f'"{etag}"'})

    def json(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def fail(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps({"error": message}).encode()
        self.answer(status, body, {**(headers or {}), "X-Error-Code": code, "X-Error-Message": message})

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            cut = any(part in self.path for part in self.hub.cut)
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        """The requests are kept in `Hub.requests`."""


def blob_id(content: bytes) -> str:
    """The id git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lfs(path: str, content: bytes) -> dict[str, Any]:
    """What a tree says more of a file that is kept outside git, as weights and tables are by the Hub's defaults."""
    if not path.endswith((".safetensors", ".bin", ".parquet")):
        return {}
    return {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}}


def take_for_the_hub(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What HF_ENDPOINT does where it is set before the client is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
