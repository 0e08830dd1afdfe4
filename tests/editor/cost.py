#!/usr/bin/env python3
"""What an open editor costs the gateway: its processor time with and without a client on the live socket.

Usage: cost.py TIDEGATE NODES SECONDS ROUNDS [LOAD ...]

Runs the program TIDEGATE with the flow of big_flow.py, for each load in a data directory of its own. A load is how many times
as often the sources tick: 1 is a calm gateway, 20 a busy one, and both are measured where none is given. In each round it is
measured for so many seconds without a client and then with each of CLIENTS, one at a time. What a client costs is the
difference to the same round's measure without one; of all rounds the median is told, and the middle half of them. The last
lines are a table for Markdown.
"""

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from big_flow import TAB, flow

PASSWORD = "correct horse battery"
LOADS = [1.0, 20.0]
# What the editor asks for: web-ui/src/lib/canvas/FlowCanvas.svelte and lib/live/problems.svelte.ts, with nothing chosen and no panel open.
EDITOR = {"type": "watch", "flows": [TAB], "metrics": True, "statuses": True, "queues": True, "timings": True, "problems": True, "at": TAB}
CLIENTS = {
    "the editor, one flow seen": EDITOR,
    "the same, with the debug panel": {**EDITOR, "debug": True},
    "all there is": {"type": "watch", **dict.fromkeys(["metrics", "timings", "queues", "statuses", "problems", "backlogs", "debug"], True)},
}


class Gateway:
    def __init__(self, program, document, data):
        self.port = free_port()
        path = os.path.join(data, "flow.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        account = ["passwd", "ada", "--role", "admin", "--payloads", "--stdin", "--data", data]
        subprocess.run([program, *account], input=PASSWORD.encode() + b"\n", check=True, **quiet)
        self.process = subprocess.Popen([program, "run", path, "--listen", f"127.0.0.1:{self.port}", "--data", data], **quiet)
        try:
            self.token = None
            self.wait()
            who = {"client_id": "cost", "grant_type": "password", "scope": "*", "username": "ada", "password": PASSWORD}
            self.token = json.loads(self.ask("/auth/token", who))["access_token"]
        except BaseException:
            self.stop()
            raise

    def ask(self, path, body=None):
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {self.token}"} if self.token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def wait(self):
        for _ in range(600):
            try:
                return self.ask("/health/ready")
            except OSError:
                time.sleep(0.1)
        sys.exit("the gateway does not get ready")

    def handled(self):
        """Messages that have come in at any node."""
        lines = self.ask("/metrics").decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("tidegate_node_received_total{"))

    def used(self):
        """Nanoseconds of processor time by thread, as the scheduler counts them."""
        threads = {}
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            try:
                with open(f"/proc/{self.process.pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    threads[thread] = int(file.read().split()[0])
            except OSError:
                pass  # It has ended meanwhile.
        return threads

    def share(self, seconds):
        """Percent of a core."""
        before, since = self.used(), time.monotonic()
        time.sleep(seconds)
        grown = sum(now - before.get(thread, 0) for thread, now in self.used().items())
        return grown / 1e7 / (time.monotonic() - since)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Client:
    """Reads what comes, and counts it."""

    def __init__(self, gateway, watch):
        self.bytes = 0
        self.stream = socket.create_connection(("127.0.0.1", gateway.port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /api/v1/live HTTP/1.1", "host: gateway", "upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13",
                 f"sec-websocket-key: {key}", f"authorization: Bearer {gateway.token}", "", ""]
        self.stream.sendall("\r\n".join(lines).encode())
        if b" 101 " not in self.stream.recv(4096):
            sys.exit("the live socket was refused")
        # One masked text frame, with a mask that changes nothing.
        text = json.dumps(watch).encode()
        self.stream.sendall(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            while data := self.stream.recv(65536):
                self.bytes += len(data)
        except OSError:
            pass

    def close(self):
        self.stream.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.stream.close()


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def measure(gateway, seconds, rounds):
    """By round: percent of a core alone, then with each client; messages a second, and bytes a second to each client."""
    shares, messages, told = [], [], {name: [] for name in CLIENTS}
    time.sleep(3)
    for number in range(rounds):
        handled, since = gateway.handled(), time.monotonic()
        row = {"alone": gateway.share(seconds)}
        messages.append((gateway.handled() - handled) / (time.monotonic() - since))
        for name, watch in CLIENTS.items():
            client = Client(gateway, watch)
            time.sleep(1.5)
            before, since = client.bytes, time.monotonic()
            row[name] = gateway.share(seconds)
            told[name].append((client.bytes - before) / (time.monotonic() - since))
            client.close()
            time.sleep(0.5)
        shares.append(row)
        print(f"round {number + 1}: " + ", ".join(f"{name} {share:.3f} %" for name, share in row.items()), flush=True)
    return shares, statistics.median(messages), {name: statistics.median(all_rounds) for name, all_rounds in told.items()}


def rows(shares, messages, told):
    alone = statistics.median(row["alone"] for row in shares)
    yield f"| {messages:,.0f} messages a second | nobody | {alone:.2f} % | | | |"
    for name in CLIENTS:
        points = [row[name] - row["alone"] for row in shares]
        more = [(row[name] / row["alone"] - 1) * 100 for row in shares]
        low, _, high = statistics.quantiles(more, n=4) if len(more) > 1 else more * 3
        yield (f"| | {name} | {statistics.median(row[name] for row in shares):.2f} % | {statistics.median(points):.2f} points "
               f"| {statistics.median(more):.1f} % ({low:.1f} to {high:.1f}) | {told[name] / 1e3:.1f} KB |")


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    program, nodes, seconds, rounds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    table = ["| load | who watches | of a core | more | of the gateway's own | told a second |", "|---|---|---|---|---|---|"]
    for load in [float(load) for load in sys.argv[5:]] or LOADS:
        with tempfile.TemporaryDirectory() as data:
            gateway = Gateway(program, flow(nodes, load), data)
            try:
                table.extend(rows(*measure(gateway, seconds, rounds)))
            finally:
                gateway.stop()
    print("\n".join(table))


if __name__ == "__main__":
    main()
