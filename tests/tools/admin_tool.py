"""node-red-admin, Node-RED's own command line, against this gateway."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

from gateway import PASSWORD, PATIENCE, ROOT, Gateway

TOOL = os.environ["NODE_RED_ADMIN"]


def tool(gateway, *arguments):
    done = subprocess.run([TOOL, *arguments], env=environment(gateway), capture_output=True, text=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def environment(gateway):
    """Its settings are in the home directory."""
    return os.environ | {"HOME": str(gateway.folder), "NO_COLOR": "1"}


def typed(gateway, arguments, answers):
    """Runs it at a terminal, and types an answer at each prompt."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(TOOL, [TOOL, *arguments], environment(gateway))
    said, asked, end = "", 0, time.monotonic() + PATIENCE
    answers = list(answers)
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                piece = os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                piece = ""
            if not piece:
                break
            said += piece
        # A prompt comes in pieces, with control sequences among them.
        elif answers and answers[0][0] in said[asked:]:
            asked = len(said)
            os.write(terminal, (answers.pop(0)[1] + "\r").encode())
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert status >= 0 and not answers, f"it has stopped at: {said!r}"
    return status, said


def login(gateway):
    code, said = tool(gateway, "target", gateway.url)
    assert code == 0 and gateway.url in said, said
    code, said = tool(gateway, "list")
    assert code == 1 and "Not logged in" in said, said
    code, said = typed(gateway, ["login"], [("Username:", "ada"), ("Password:", "a wrong password")])
    assert code != 0 and "Login failed" in said, said
    code, said = typed(gateway, ["login"], [("Username:", "ada"), ("Password:", PASSWORD)])
    assert code == 0 and "Logged in" in said, said
    assert PASSWORD not in said, "the password is shown"


def lists(gateway):
    code, said = tool(gateway, "list")
    assert code == 0, said
    for name in ["tidegate/inject", "tidegate/mqtt in", "tidegate/function"]:
        assert name in said, f"{name} is not in:\n{said}"
    code, said = tool(gateway, "list", "--json")
    assert code == 0 and '"mqtt in"' in said, said


def info(gateway):
    code, said = tool(gateway, "info", "tidegate")
    assert code == 0 and "inject" in said, said
    code, said = tool(gateway, "info", "tidegate/inject")
    assert code == 0 and "enabled" in said, said
    code, said = tool(gateway, "info", "nothing")
    assert code == 1 and "404" in said, said


def refusals(gateway):
    """What this gateway does not do is said, and nothing breaks."""
    for arguments in [("install", "node-red-node-random"), ("remove", "tidegate"), ("disable", "tidegate/inject")]:
        code, said = tool(gateway, *arguments)
        assert code == 1 and "400" in said and "binary" in said, f"{arguments}: {said}"
    assert tool(gateway, "list")[0] == 0


def main():
    failed, parts = 0, [login, lists, info, refusals]
    with Gateway() as gateway:
        for part in parts:
            try:
                part(gateway)
                print(f"node-red-admin {part.__name__} ... ok")
            except AssertionError as error:
                failed += 1
                print(f"node-red-admin {part.__name__} ... FAILED: {error}")
    print(f"{len(parts) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
