"""Shows the HTML page of a report to a real browser."""

import subprocess
import tempfile
from pathlib import Path

from . import install
from .checker import RATE
from .processes import HarnessError, run


def look_at(binary: Path, command: str, arguments: list):
    """The page of `artos-conformance COMMAND ARGUMENTS`, which finds a fault, as `COMMAND-page.mjs` wants it."""
    install.browser()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        argv = [binary, command, *arguments, "--rate", RATE, "--timeout", 30, "--format", "html", "--output", page]
        done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, timeout=120)
        if done.returncode != 1:
            raise HarnessError(f"artos-conformance: status {done.returncode}\n{done.stderr[-3000:]}")
        screenshots = install.ROOT / f"target/{command}-screenshots"
        run(["node", install.FOLDER / f"{command}-page.mjs", page, screenshots], what="the page in Chromium")
