"""Runs `artos-conformance` and reads its report."""

import fnmatch
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .processes import HarnessError

# Requests a second on loopback: as many as the service takes.
RATE = 5000


@dataclass(frozen=True)
class Report:
    """What the checker said of a service."""

    status: int
    verdict: str
    cases: dict
    sarif: str

    def ids(self, *outcomes: str) -> list[str]:
        return [name for name, case in self.cases.items() if case["outcome"] in outcomes]

    def matching(self, pattern: str, *outcomes: str) -> list[str]:
        return fnmatch.filter(self.ids(*outcomes), pattern)

    def line(self, name: str) -> str:
        case = self.cases[name]
        return f"{name}: expected {case['expected']}, observed {case['observed']}"


def check(binary: Path, profile: Path, port: int, *, patterns=(), level="must", http2=False, seconds=120) -> Report:
    """The report on the service at a port of 127.0.0.1."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        argv = [binary, "run", "--profile", profile, "--target", f"http://127.0.0.1:{port}", "--level", level]
        # Longer than the default: on a busy machine a slow answer must not look like none.
        argv += ["--rate", str(RATE), "--timeout", "30", "--format", "json", "--output", output]
        argv += ["--http2"] if http2 else []
        for pattern in patterns:
            argv += ["--filter", pattern]
        done = subprocess.run(
            [str(part) for part in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
        if done.returncode not in (0, 1) or not output.exists():
            raise HarnessError(f"artos-conformance: status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
        report = json.loads(output.read_text())
        render = [binary, "render", output, "--format", "sarif"]
        sarif = subprocess.run(render, capture_output=True, text=True, timeout=seconds, check=True).stdout
    cases = {case["id"]: case for case in report["cases"]}
    return Report(done.returncode, report["verdict"], cases, sarif)
