"""node-red-admin, Node-RED's own command line, against this gateway."""

import os
import pty
import select
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
    said, end = "", time.monotonic() + PATIENCE
    answers = list(answers)
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        if not piece:
            break
        said += piece
        if answers and said.rstrip().endswith(answers[0][0]):
            os.write(terminal, (answers.pop(0)[1] + "\r").encode())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert not answers, f"it did not ask for {answers[0][0]}: {said}"
    return status, said


def login(gateway):
    code, said = tool(gateway, "target", gateway.url)
    assert code == 0 and gateway.url in said, said
    code, said = tool(gateway, "list")
    assert code != 0 and "Log in" in said or "login" in said.lower() or "401" in said, said
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
    assert code != 0, said


def refusals(gateway):
    """What this gateway does not do is said, and nothing breaks."""
    for arguments in [("install", "node-red-node-random"), ("remove", "tidegate"), ("disable", "tidegate/inject")]:
        code, said = tool(gateway, *arguments)
        assert code != 0 or "400" in said or "binary" in said, f"{arguments}: {said}"
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
