"""What the scripts `run` and `matrix` share: the command line, and attempts that run some at a time, each by itself."""

import argparse
import concurrent.futures
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import install
from .credentials import Keys
from .processes import HarnessError, PortTaken
from .services import SERVICES

# On two processors. A run spends most of its time waiting: for a program to start, and for tokens to expire.
AT_ONCE = 6


@dataclass
class Result:
    """What one attempt with one framework gave."""

    framework: str
    # What was tried: a manner or a fault, each with a `name`, or something else.
    manner: object = None
    fault: object = None
    label: str = ""
    problems: list = field(default_factory=list)

    def title(self) -> str:
        tried = self.fault or self.manner
        return f"{self.framework}: {tried.name if tried else self.label}"


@dataclass(frozen=True)
class Script:
    """What differs between the scripts."""

    about: str
    # What `--all` adds, and how a fault is named.
    all: str
    fault: str
    # The page that `--write` writes.
    page: str
    write: Callable[[list], None]
    # The attempts with a service, each with the result that it fills: `plan(service, options, keys, binary)`.
    plan: Callable
    # Problems of all results together.
    afterwards: Callable[[list], list] = lambda _: []


def guarded(result: Result, attempt) -> Result:
    """The result of an attempt. A program that does not start, or an error of the checker, is a problem of that result.
    If another program took a port meanwhile, the attempt is made once more."""
    try:
        try:
            attempt()
        except PortTaken:
            attempt()
    except (HarnessError, subprocess.TimeoutExpired) as error:
        result.problems.append(str(error))
    return result


def run_all(script: Script, options, keys: Keys, binary: Path):
    """Gives the results in the order of the plan. What a service needs is installed while others are tried."""
    services = [service for service in SERVICES.values() if not options.framework or service.name in options.framework]
    with (
        concurrent.futures.ThreadPoolExecutor(len(services)) as installers,
        concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        installed = [(service, installers.submit(service.install)) for service in services]
        attempts = []
        for service, ready in installed:
            ready.result()
            attempts += [pool.submit(guarded, *attempt) for attempt in script.plan(service, options, keys, binary)]
        for attempt in attempts:
            yield attempt.result()


def main(script: Script) -> int:
    parser = argparse.ArgumentParser(description=script.about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", action="append", choices=sorted(SERVICES), help="only this framework; repeatable")
    parser.add_argument("--manner", action="append", help="only this manner; repeatable")
    parser.add_argument("--fault", action="append", help=f"only this fault{script.fault}; repeatable")
    parser.add_argument("--all", action="store_true", help=script.all)
    parser.add_argument("--write", action="store_true", help=f"write {script.page}; with --all alone")
    options = parser.parse_args()
    if options.write and (not options.all or options.framework or options.manner or options.fault):
        parser.error("--write needs --all, and no choice of framework, manner or fault")
    started, failed, results = time.monotonic(), 0, []
    try:
        binary, artos_auth = install.own_programs()
        with tempfile.TemporaryDirectory() as folder:
            for result in run_all(script, options, Keys(Path(folder), artos_auth), binary):
                results.append(result)
                failed += bool(result.problems)
                print("FAILED" if result.problems else "ok    ", result.title(), flush=True)
                for problem in result.problems:
                    print("       ", problem, flush=True)
        for problem in script.afterwards(results):
            failed += 1
            print("FAILED", problem, flush=True)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 2
    if not results:
        parser.error("no such manner or fault")
    print(f"{len(results)} services, {failed} not as expected, {time.monotonic() - started:.0f} s")
    if options.write and not failed:
        script.write(results)
    return 1 if failed else 0
