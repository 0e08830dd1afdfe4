"""The gateway does what its description says, whatever it is sent: with all rights, and with none."""

import os
import subprocess
import sys

from gateway import ROOT, Gateway

CHECKS = ",".join([
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance",
])
SCOPES = ["read", "deploy", "inject", "admin", "metrics", "payloads"]


def run(gateway, examples, token):
    arguments = [
        os.environ["SCHEMATHESIS"], "run", str(ROOT / "docs/openapi.json"), "--url", gateway.url,
        "--checks", CHECKS if token else CHECKS + ",nobody_gets_in", "--phases", "examples,coverage,fuzzing",
        "--max-examples", str(examples), "--seed", "16", "--continue-on-failure", "--request-timeout", "20",
        "--suppress-health-check", "all", "--warnings", "off",
    ]
    if token:
        # It would end the token that asks.
        arguments += ["--exclude-operation-id", "delete_session"]
        arguments += ["--header", f"Authorization: Bearer {token}"]
    hooks = {"PYTHONPATH": str(ROOT / "tests/tools"), "SCHEMATHESIS_HOOKS": "hooks"}
    return subprocess.run(arguments, env=os.environ | hooks, cwd=gateway.folder, timeout=600).returncode == 0


def main():
    passed = failed = 0
    for name, examples in [("an admin", 25), ("nobody", 5)]:
        with Gateway() as gateway:
            token = gateway.token("schemathesis", *SCOPES) if name == "an admin" else None
            well = run(gateway, examples, token)
            alive = gateway.process.poll() is None and gateway.status("/health/ready") == 200
            panics = [line for line in gateway.said if "panicked" in line]
            if not (well and alive and not panics):
                print(f"failed as {name}: ", "it does not run any more" if not alive else "", *panics)
                failed += 1
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
