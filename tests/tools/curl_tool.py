"""Runs curl-examples against a gateway."""

import subprocess
import sys

from gateway import PASSWORD, ROOT, Gateway

with Gateway() as running:
    script = str(ROOT / "tests/tools/curl-examples")
    sys.exit(subprocess.run([script, running.url, "ada", PASSWORD], timeout=600).returncode)
