#!/usr/bin/env python3
"""Asks `ss server` over stdio to read a system of 1,000 services, again and again. Prints what the idle server holds,
and the milliseconds from the request to the answer, read as JSON: the first, the best, the median and the worst.

    cargo build --release && benches/read-system.py [calls]

Needs nothing but Python. `SS` names another binary. Works in a folder of its own and ends what it started.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVICES = 1_000

root = Path(__file__).resolve().parent.parent
target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
ss = os.environ.get("SS", target / "release" / "ss")
calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100


class Server:
    """The server of one system, and a client of it."""

    def __init__(self, folder):
        environment = os.environ | {"STARSYSTEM_HOME": f"{folder}/home"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [ss, "server"], cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )
        self.requests = 0

    def tell(self, method, **more):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method, **more}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method, parameters):
        self.requests += 1
        self.tell(method, id=self.requests, params=parameters)
        while line := self.process.stdout.readline():
            answer = json.loads(line)
            if answer.get("id") == self.requests:
                return answer["result"]
        sys.exit(f"the server ended: {self.process.wait()}")

    def resident(self):
        """Memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000


with tempfile.TemporaryDirectory() as folder:
    services = [
        f"  s-{at}:\n    type: process\n    command: sleep 1\n    provision: {{ provider: local-process }}\n"
        + (f"    depends_on: [s-{at // 2}]\n" if at > 1 else "")
        for at in range(1, SERVICES + 1)
    ]
    Path(folder, "starsystem.yaml").write_text("name: bench\nservices:\n" + "".join(services))
    server = Server(folder)
    client = {"name": "bench", "version": "1"}
    server.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client})
    server.tell("notifications/initialized")
    time.sleep(0.5)
    print(f"idle: {server.resident():.1f} MB")
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        answer = server.ask("tools/call", {"name": "starsystem_read_system", "arguments": {}})
        took.append((time.perf_counter() - began) * 1000)
        assert len(answer["structuredContent"]["services"]) == SERVICES, answer
    print(
        f"{calls} calls: first {took[0]:.1f} ms, best {min(took):.1f} ms, "
        f"median {statistics.median(took):.1f} ms, worst {max(took):.1f} ms"
    )
    server.process.stdin.close()
    server.process.wait()
