"""A Ray cluster of several nodes on this machine, for tests: started only where the loopback is the one interface.

Ray's daemons listen on every interface, whatever they are told. `make ray` starts the tests in a network namespace that
has only the loopback, and in a process namespace that takes with it whatever they leave running.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

RAY = [sys.executable, "-m", "ray.scripts.scripts"]
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1  # <linux/sockios.h>, <linux/if.h>


def is_alone() -> bool:
    """Whether nothing but the loopback would hear."""
    return {name for _, name in socket.if_nameindex()} == {"lo"}


def raise_loopback() -> None:
    """What `ip link set lo up` does."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


class Cluster:
    """Nodes with one CPU each; the first is the head."""

    def __init__(self, environment: Mapping[str, str] | None = None, port: int = 6390) -> None:
        assert is_alone()
        raise_loopback()
        os.environ["RAY_AUTH_MODE"] = "disabled"  # else a token of the user's own, where there is one, is asked for
        self.port, self.address = port, f"127.0.0.1:{port}"
        # The path of a socket below it must not be longer than 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        self.environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **(environment or {})}
        self.nodes: list[psutil.Process] = []

    def __enter__(self) -> Self:
        self.add()
        return self

    def __exit__(self, *_: object) -> None:
        for node in list(self.nodes):
            self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, hidden: Path | None = None) -> psutil.Process:
        """Start a node, which does not see what lies in a folder that is hidden from it."""
        number = len(self.nodes) + 1
        where = (
            ["--head", f"--port={self.port}", f"--temp-dir={self.folder}", "--include-dashboard=false"]
            if not self.nodes
            else [f"--address={self.address}"]
        )
        command = [*RAY, "start", *where, f"--node-ip-address=127.0.0.{number}", "--num-cpus=1", "--num-gpus=0"]
        command += ["--object-store-memory=80000000", "--include-log-monitor=false", "--disable-usage-stats", "--block"]
        if hidden is not None:
            mount = f"mount -t tmpfs none {shlex.quote(str(hidden))} && exec {shlex.join(command)}"
            command = ["unshare", "--mount", "sh", "-c", mount]
        with (self.folder / f"node{number}.log").open("wb") as log:
            process = psutil.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.nodes.append(process)
        until = time.monotonic() + 300
        while self.count() < number:
            assert process.poll() is None and time.monotonic() < until, (self.folder / f"node{number}.log").read_text()
            time.sleep(0.2)
        return process

    def kill(self, node: psutil.Process) -> None:
        """End a node as a power failure does: with all that runs on it."""
        for process in [node, *node.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has died with its parent
                process.kill()
        node.wait()
        self.nodes.remove(node)

    def count(self) -> int:
        """Nodes that the head counts as alive."""
        from ray._raylet import GcsClient

        try:
            # Before anybody listens, Ray's client would be told so, and ask again ever more seldom, at last in minutes.
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            known = GcsClient(address=self.address).get_all_node_info(timeout=5).values()
        except Exception:  # it has not begun to listen
            return 0
        return sum(node.state == 0 for node in known)  # gcs.proto: GcsNodeInfo.ALIVE
