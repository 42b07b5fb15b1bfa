"""The script `run`: which services are started, and what is required of the reports."""

import tomllib
from dataclasses import dataclass, field

from . import browser, install, runner, sarif, table
from .checker import check

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
class Result(runner.Result):
    # By power of the checker ("signing", "tokens"): its report.
    reports: dict = field(default_factory=dict)


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


def try_page(service, keys, conformance):
    """The HTML page of a fault that many cases find, with skipped cases, in a browser."""
    files = keys.of(service.algorithm)
    with service.running(service.manners[0], files, "signature-unchecked") as port:
        browser.look_at(conformance, "run", ["--profile", files.tokens, "--target", f"http://127.0.0.1:{port}"])


def plan(service, options, keys, conformance):
    """The runs of a service that the options ask for, each with the result that it fills."""
    own = [fault for fault in read_faults() if not fault.only or service.name in fault.only]
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
    if service.name == "axum" and not options.fault and not options.manner:
        yield Result(service.name, label="the HTML page in a browser"), lambda: try_page(service, keys, conformance)


def problems_of_sarif(results):
    documents = [report.sarif for result in results for report in result.reports.values()]
    return [f"SARIF: {problem}" for problem in sarif.problems(documents)] if documents else []


def main(about: str) -> int:
    return runner.main(
        runner.Script(
            about=about,
            all="behind the proxies too",
            fault="",
            page="docs/frameworks.md",
            write=table.write,
            plan=plan,
            afterwards=problems_of_sarif,
        )
    )
