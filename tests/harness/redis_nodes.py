"""Redis servers that belong together, for tests: a cluster, or a master with a replica and sentinels. On loopback only."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from coranto_cli.local.redis_server import find_server

_SLOTS = 16384


def free_port() -> int:
    """A port that is free now, and the cluster's bus port 10,000 above it too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if port + 10_000 > 65_535:
                continue
            try:
                second.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


def until(claim: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Return once the claim is true; errors of Redis mean not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if claim():
                return
        except (RedisError, OSError):
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not become true within {seconds:g} s")
        time.sleep(0.05)


class Node:
    """One server process."""

    def __init__(self, folder: Path, *options: str, sentinel: str | None = None) -> None:
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir(parents=True)
        self._log = (self.folder / "log").open("ab")
        arguments = [str(find_server())]
        if sentinel is not None:
            file = self.folder / "sentinel.conf"
            file.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n{sentinel}\n", encoding="utf-8")
            arguments += [str(file), "--sentinel"]
        else:
            arguments += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            arguments += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", *options]
        self._arguments = arguments
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._arguments, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def client(self) -> Any:
        """A blocking client of this node alone."""
        return Redis(port=self.port, socket_timeout=5.0)

    def ask(self, *command: str | int) -> Any:
        """The answer to one command."""
        with self.client() as client:
            return client.execute_command(*command)

    def role(self) -> str:
        """master or slave."""
        return str(self.ask("ROLE")[0].decode())

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again with its files."""
        self.process = self._start()

    def close(self) -> None:
        """End it, and let go of its log."""
        self.kill()
        self._log.close()


class Cluster:
    """A Redis Cluster of `masters` masters, each with as many replicas as asked for."""

    def __init__(self, folder: Path, *, masters: int = 3, replicas: int = 0, node_timeout_ms: int = 1500) -> None:
        options = [
            "--cluster-enabled", "yes",
            "--cluster-config-file", "nodes.conf",
            "--cluster-node-timeout", str(node_timeout_ms),
            "--cluster-replica-validity-factor", "0",
            "--repl-diskless-sync", "yes",
            "--repl-diskless-sync-delay", "0",
            "--min-replicas-to-write", "0",
        ]  # fmt: skip
        self.nodes = [Node(folder, *options) for _ in range(masters * (1 + replicas))]
        self.masters = self.nodes[:masters]
        for node in self.nodes:
            until(lambda node=node: node.ask("PING"), "PING")  # type: ignore[misc]
        for number, node in enumerate(self.masters):
            first, last = number * _SLOTS // masters, (number + 1) * _SLOTS // masters
            node.ask("CLUSTER", "ADDSLOTS", *range(first, last))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        until(lambda: all(self._knows_all(node) for node in self.nodes), "every node knows every other")
        for number, node in enumerate(self.nodes[masters:]):
            master = str(self.masters[number % masters].ask("CLUSTER", "MYID").decode())
            until(lambda node=node, master=master: bool(node.ask("CLUSTER", "REPLICATE", master)), "a replica")  # type: ignore[misc]
        until(lambda: all(self._is_ok(node) for node in self.nodes), "the cluster is up")
        for node in self.nodes[masters:]:
            until(lambda node=node: node.ask("ROLE")[3] == b"connected", "a replica is connected")  # type: ignore[misc]

    def _knows_all(self, node: Node) -> bool:
        lines = node.ask("CLUSTER", "NODES")
        text = lines.decode() if isinstance(lines, bytes) else str(lines)
        return len(lines) == len(self.nodes) if isinstance(lines, dict) else text.count("connected") == len(self.nodes)

    @staticmethod
    def _is_ok(node: Node) -> bool:
        answer = node.ask("CLUSTER", "INFO")
        return bool(answer.get("cluster_state") == "ok" if isinstance(answer, dict) else b"cluster_state:ok" in answer)

    @property
    def url(self) -> str:
        """Its address, by all of its nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def living_masters(self) -> list[Node]:
        """The masters of this moment."""
        return [node for node in self.nodes if node.process.poll() is None and node.role() == "master"]

    def kill_a_master(self, number: int) -> Node:
        """Kill the master of this partition at once; returns when a replica has taken its place."""
        victim = self.owner_of(f"coranto:{{p{number}}}:submitted")
        victim.kill()
        until(lambda: self.owner_of(f"coranto:{{p{number}}}:submitted") is not victim, "a replica took over")
        return victim

    def owner_of(self, key: str) -> Node:
        """The living node that answers for the key."""
        for node in self.nodes:
            if node.process.poll() is None:
                try:
                    node.ask("GET", f"{key[: key.index('}') + 1]}:nothing")
                except (RedisError, OSError):
                    continue
                return node
        raise RedisError("no living node answers for the key")

    def close(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.close()


class Watched:
    """A master, its replica, and three sentinels that watch them under the name `news`."""

    def __init__(self, folder: Path) -> None:
        self.master = Node(folder)
        self.replica = Node(folder, "--replicaof", "127.0.0.1", str(self.master.port), "--repl-diskless-sync", "yes",
                            "--repl-diskless-sync-delay", "0")  # fmt: skip
        until(lambda: self.replica.ask("ROLE")[3] == b"connected", "the replica is connected")
        settings = (
            f"sentinel monitor news 127.0.0.1 {self.master.port} 2\nsentinel down-after-milliseconds news 1000\n"
            "sentinel failover-timeout news 5000"
        )
        self.sentinels = [Node(folder, sentinel=settings) for _ in range(3)]
        for node in self.sentinels:
            until(lambda node=node: self._knows(node), "a sentinel knows the others and the replica")  # type: ignore[misc]

    @staticmethod
    def _knows(sentinel: Node) -> bool:
        with sentinel.client() as client:
            state = client.sentinel_master("news")
        return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)

    @property
    def url(self) -> str:
        """Its address, by the sentinels."""
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{node.port}" for node in self.sentinels) + "/news/0"

    def close(self) -> None:
        """End all of them."""
        for node in (*self.sentinels, self.master, self.replica):
            node.close()
