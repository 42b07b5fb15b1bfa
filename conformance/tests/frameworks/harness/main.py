"""The command line, and the plan: which services are started, and what is demanded of the reports."""

import argparse
import concurrent.futures
import sys
import tempfile
import threading
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import credentials, install, sarif, table
from .checker import check
from .processes import HarnessError
from .services import SERVICES

# On two processors. A run spends most of its time waiting: for a program to start, and for tokens to expire.
AT_ONCE = 6


@dataclass(frozen=True)
class Fault:
    """A fault of `faults.toml`."""

    name: str
    about: str
    clause: str
    case: str
    level: str = "must"
    key: bool = False
    only: tuple = ()


@dataclass
class Result:
    """What came of one manner or fault of one framework."""

    framework: str
    manner: object = None
    fault: Fault | None = None
    problems: list = field(default_factory=list)
    # By power of the checker ("signing", "tokens"): its report.
    reports: dict = field(default_factory=dict)

    def title(self) -> str:
        return f"{self.framework}: {self.fault.name if self.fault else self.manner.name}"


class Keys:
    """The credentials of each kind, made when they are first needed."""

    def __init__(self, folder: Path, artos_auth: Path):
        self.folder, self.artos_auth = folder, artos_auth
        self.made, self.lock = {}, threading.Lock()

    def of(self, algorithm: str, with_environment: bool = True):
        with self.lock:
            key = (algorithm, with_environment)
            if key not in self.made:
                folder = self.folder / f"{algorithm}-{with_environment}"
                self.made[key] = credentials.make(folder, self.artos_auth, *key)
            return self.made[key]


def read_faults() -> list[Fault]:
    entries = tomllib.loads((install.FOLDER / "faults.toml").read_text())
    return [Fault(name, **{**entry, "only": tuple(entry.get("only", ()))}) for name, entry in entries.items()]


def try_manner(result, service, keys, conformance, faults):
    """A correct service: no `must` fails, and the cases that find the faults have something to say."""
    manner = result.manner
    files = keys.of(manner.algorithm or service.algorithm, manner.with_environment)
    with service.running(manner, files) as port:
        for power, profile in (("signing", files.signing), ("tokens", files.tokens)):
            report = check(conformance, profile, port, http2=manner.http2)
            result.reports[power] = report
            result.problems += [f"{power}: {report.line(name)}" for name in report.ids("failed")]
            if report.status and not report.ids("failed"):
                result.problems.append(f"{power}: status {report.status} without a failed case")
    if manner is service.manners[0]:
        report = result.reports["signing"]
        for fault in faults:
            if not report.matching(fault.case, "passed"):
                result.problems.append(f"no case `{fault.case}` passes on it, so that {fault.name} proves nothing")


def try_fault(result, service, keys, conformance):
    """A faulty service: the case that `faults.toml` names finds it."""
    fault = result.fault
    files = keys.of(service.algorithm)
    outcome = "failed" if fault.level == "must" else "warned"
    with service.running(service.manners[0], files, fault.name) as port:
        for power, profile in (("signing", files.signing), ("tokens", files.tokens)):
            if fault.key and power == "tokens":
                continue
            report = check(conformance, profile, port, patterns=(fault.case,), level=fault.level)
            result.reports[power] = report
            if report.status != 1 or not report.matching(fault.case, outcome):
                seen = [report.line(name) for name in report.matching(fault.case, "passed", "failed", "warned", "skipped")]
                result.problems.append(f"{power}: `{fault.case}` does not find it: {seen}")


def guarded(result, run) -> Result:
    """What came of a run; a program that does not start, or an error of the checker, is a problem of that run."""
    try:
        run()
    except HarnessError as error:
        result.problems.append(str(error))
    return result


def plan(service, options, faults, keys, conformance):
    """The runs of a service that the options ask for, each with the result that it fills."""
    own = [fault for fault in faults if not fault.only or service.name in fault.only]
    for manner in service.manners:
        wanted = manner.name in options.manner if options.manner else not options.fault
        if wanted and (options.all or options.manner or not manner.proxy):
            if manner.proxy:
                install.proxies()
            result = Result(service.name, manner)
            yield result, lambda result=result: try_manner(result, service, keys, conformance, own)
    for fault in own:
        wanted = fault.name in options.fault if options.fault else not options.manner
        if wanted:
            result = Result(service.name, fault=fault)
            yield result, lambda result=result: try_fault(result, service, keys, conformance)


def run_all(options, keys, conformance):
    """Gives the results in the order of the plan. What a service needs is installed while others are tried."""
    services = [service for service in SERVICES.values() if not options.framework or service.name in options.framework]
    with (
        concurrent.futures.ThreadPoolExecutor(len(services)) as installers,
        concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        installed = [(service, installers.submit(service.install)) for service in services]
        running = []
        for service, ready in installed:
            ready.result()
            planned = plan(service, options, read_faults(), keys, conformance)
            running += [pool.submit(guarded, *run) for run in planned]
        for run in running:
            yield run.result()


def main(about: str) -> int:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", action="append", choices=sorted(SERVICES), help="only this framework; repeatable")
    parser.add_argument("--manner", action="append", help="only this manner; repeatable")
    parser.add_argument("--fault", action="append", help="only this fault; repeatable")
    parser.add_argument("--all", action="store_true", help="behind the proxies too")
    parser.add_argument("--write", action="store_true", help="write docs/frameworks.md; with --all alone")
    options = parser.parse_args()
    if options.write and (not options.all or options.framework or options.manner or options.fault):
        parser.error("--write needs --all, and no choice of framework, manner or fault")
    started, failed, results = time.monotonic(), 0, []
    try:
        conformance, artos_auth = install.own_programs()
        with tempfile.TemporaryDirectory() as folder:
            for result in run_all(options, Keys(Path(folder), artos_auth), conformance):
                results.append(result)
                failed += bool(result.problems)
                print("FAILED" if result.problems else "ok    ", result.title(), flush=True)
                for problem in result.problems:
                    print("       ", problem, flush=True)
        documents = [report.sarif for result in results for report in result.reports.values()]
        for problem in sarif.problems(documents) if documents else []:
            failed += 1
            print("FAILED SARIF:", problem, flush=True)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 2
    if not results:
        parser.error("no such manner or fault")
    print(f"{len(results)} services, {failed} not as demanded, {time.monotonic() - started:.0f} s")
    if options.write and not failed:
        table.write(results)
    return 1 if failed else 0
