"""A server for a look at a site on this machine; any static host serves it as well."""

from __future__ import annotations

import socketserver
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class _Files(SimpleHTTPRequestHandler):
    """Files of a folder, and no list of what is in one."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript", ".svg": "image/svg+xml"}

    def end_headers(self) -> None:
        """What pages may do stands in themselves."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """A folder is not shown."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of what was asked for."""


def server(folder: Path, host: str, port: int) -> socketserver.TCPServer:
    """A server of the files of a folder, listening; `serve_forever` answers.

    Raises:
        OSError: The address cannot be listened at.
    """
    return ThreadingHTTPServer((host, port), partial(_Files, directory=str(folder)))
