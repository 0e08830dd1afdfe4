#!/usr/bin/env python3
"""What an open editor costs the gateway: its processor time without a client, and with one that watches everything.

Usage: cost.py TIDEGATE FLOW.json SECONDS ROUNDS

Runs the program TIDEGATE with the flow in a data directory of its own. In each round it is measured for so many seconds without a
client, and then with one on the live socket. The last line has the medians.
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

PORT = 18899
PASSWORD = "correct horse battery"
WATCH = {"type": "watch", "metrics": True, "timings": True, "queues": True, "statuses": True, "problems": True, "backlogs": True}


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=10).read()


def ready():
    for _ in range(600):
        try:
            return ask("/health/ready")
        except OSError:
            time.sleep(0.1)
    sys.exit("the gateway does not get ready")


class Client:
    """Reads what comes, and counts it."""

    def __init__(self, token):
        self.bytes = 0
        self.stream = socket.create_connection(("127.0.0.1", PORT))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /api/v1/live HTTP/1.1", "host: gateway", "upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13",
                 f"sec-websocket-key: {key}", f"authorization: Bearer {token}", "", ""]
        self.stream.sendall("\r\n".join(lines).encode())
        if b" 101 " not in self.stream.recv(4096):
            sys.exit("the live socket was refused")
        # One masked text frame, with a mask that changes nothing.
        text = json.dumps(WATCH).encode()
        self.stream.sendall(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            while data := self.stream.recv(65536):
                self.bytes += len(data)
        except OSError:
            pass

    def close(self):
        self.stream.shutdown(socket.SHUT_RDWR)
        self.stream.close()


def used(pid):
    """Seconds of processor time of all threads, as the scheduler counts them."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def share(pid, seconds):
    before, since = used(pid), time.monotonic()
    time.sleep(seconds)
    return (used(pid) - before) / (time.monotonic() - since) * 100


def measure(program, flow, seconds, rounds, data):
    arguments = ["passwd", "ada", "--role", "admin", "--payloads", "--stdin", "--data", data]
    subprocess.run([program, *arguments], input=PASSWORD.encode() + b"\n", check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    gateway = subprocess.Popen([program, "run", flow, "--listen", f"127.0.0.1:{PORT}", "--data", data],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ready()
        who = {"client_id": "cost", "grant_type": "password", "scope": "*", "username": "ada", "password": PASSWORD}
        token = json.loads(ask("/auth/token", who))["access_token"]
        time.sleep(3)
        without, watched = [], []
        for number in range(rounds):
            without.append(share(gateway.pid, seconds))
            client = Client(token)
            time.sleep(1)
            watched.append(share(gateway.pid, seconds))
            print(f"round {number + 1}: {without[-1]:.3f} % of a core, watched {watched[-1]:.3f} %; {client.bytes} bytes")
            client.close()
            time.sleep(1)
    finally:
        gateway.terminate()
        gateway.wait()
    alone, with_client = statistics.median(without), statistics.median(watched)
    print(f"median: {alone:.3f} % of a core, watched {with_client:.3f} %: {(with_client / alone - 1) * 100:.1f} % more")


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as data:
        measure(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), data)


if __name__ == "__main__":
    main()
