"""A gateway that runs for a test, with users and a token, and goes away after it."""

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path.home() / ".cache/tidegate/target"))
PROGRAM = os.environ.get("TIDEGATE", str(TARGET / "debug/tidegate"))
PASSWORD = "correct horse battery"
PATIENCE = 60

FLOW = [
    {"id": "t", "type": "tab", "label": "first"},
    {"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "pressed",
     "payloadType": "str", "x": 1, "y": 1, "wires": [["d", "l"]]},
    {"id": "d", "type": "debug", "z": "t", "active": True, "tosidebar": True, "complete": "payload",
     "x": 2, "y": 1, "wires": []},
    {"id": "l", "type": "log out", "z": "t", "log": "readings", "x": 2, "y": 2, "wires": []},
    {"id": "o", "type": "tcp out", "z": "t", "beserver": "client", "host": "127.0.0.1", "port": "1",
     "x": 2, "y": 3, "wires": []},
]


class Gateway:
    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        self.process = None
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-tools-"))
        self.data = self.folder / "data"
        for name, role, more in [("ada", "admin", ["--payloads"]), ("vic", "viewer", [])]:
            self.command(["passwd", name, "--role", role, "--stdin", *more], PASSWORD + "\n")
        flow = self.folder / "flow.json"
        flow.write_text(json.dumps(FLOW))
        self.process = subprocess.Popen(
            [PROGRAM, "run", str(flow), "--data", str(self.data), "--listen", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.said = []
        lines = queue.Queue()
        threading.Thread(target=self.read, args=[lines], daemon=True).start()
        end = time.monotonic() + PATIENCE
        while True:
            line = lines.get(timeout=max(0.1, end - time.monotonic()))
            if "listening for HTTP on" in line:
                self.url = "http://" + line.rsplit("on ", 1)[1].strip().removeprefix("http://")
                break
        while self.status("/health/ready") != 200:
            assert time.monotonic() < end, "the gateway does not get ready"
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, lines):
        for line in self.process.stderr:
            self.said.append(line)
            lines.put(line)

    def command(self, arguments, stdin=None):
        done = subprocess.run([PROGRAM, *arguments, "--data", str(self.data)], input=stdin,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name, *scopes):
        wanted = [part for scope in scopes for part in ("--scope", scope)]
        return self.command(["token", "create", name, *wanted]).strip()

    def status(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0
