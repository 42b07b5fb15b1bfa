"""`artos-conformance matrix` on services whose OpenAPI documents the frameworks generate: `operations.*`."""

import contextlib
import json
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import browser, install, runner
from .checker import RATE
from .processes import HarnessError, free_port, program
from .services import SERVICES

PAGE = install.ROOT / "docs/matrix-faults.md"


@dataclass(frozen=True)
class Manner:
    """One way to run a correct service."""

    name: str
    about: str
    parts: str = ""
    # Before the paths of the document.
    prefix: str = ""
    # The document says which permissions an operation needs; without [matrix.permissions] in the profile.
    scopes: bool = False

    def changed(self, profile: Path) -> Path:
        """The profile for this manner."""
        text = profile.read_text().replace("/api/v1", f"{self.prefix}/api/v1")
        if self.scopes:
            before, _, rest = text.partition("[matrix.permissions]")
            text = before + rest[rest.index("[matrix.bodies]") :]
        changed = profile.with_name(f"{profile.stem}-{self.name}.toml")
        changed.write_text(text)
        return changed


AS_IS = Manner("as-is", "the document as it is generated")
MISSING = Manner("missing-for-foreign", "404 for another organization's resource", "missing-for-foreign")
COMPRESSION = Manner("compression", "every body compressed", "compression")
MANNERS = {
    "fastapi": [
        AS_IS,
        MISSING,
        Manner("gzip", "every body compressed", "gzip"),
        Manner("problem", "refusals as `application/problem+json`, as documented", "problem"),
        Manner("oauth2", "scopes of OAuth 2 in the document, and no permissions in the profile", "oauth2", scopes=True),
        Manner("root-path", "below a path of a proxy, named in `servers`", "root-path", "/artos"),
    ],
    "express": [AS_IS, MISSING, COMPRESSION],
    "axum": [AS_IS, MISSING, COMPRESSION],
}


@dataclass(frozen=True)
class Fault:
    """One fault of one operation."""

    kind: str
    on: str
    operation: str
    about: str
    cell: str
    open: bool = False
    closed: bool = False

    @property
    def name(self) -> str:
        return f"{self.on}/{self.kind}"


@dataclass
class Result(runner.Result):
    summary: dict = field(default_factory=dict)


def read_faults() -> list[Fault]:
    table = tomllib.loads((install.FOLDER / "operations.toml").read_text())
    return [
        Fault(kind, on, table["operations"][on], **{key: entry[key] for key in entry if key != "on"})
        for kind, entry in table["faults"].items()
        for on in entry["on"]
    ]


@contextlib.contextmanager
def running(service, manner: Manner, files, fault: str | None = None):
    """The port at which a service of `operations.*` listens until the block ends."""
    port = free_port()
    if service.name == "fastapi":
        uvicorn = [service.programs / "uvicorn", "operations:app", "--port", port, "--log-level", "critical"]
        argv, cwd = uvicorn, install.FOLDER / "fastapi"
    elif service.name == "express":
        argv, cwd = ["node", service.folder / "operations.js"], service.folder
    else:
        argv, cwd = [service.program], None
    env = {**files.service, "SERVICE_PARTS": f"operations,{manner.parts}", "SERVICE_PORT": str(port)}
    if fault:
        env["SERVICE_FAULT"] = fault
    with program(argv, port=port, env=env, cwd=cwd):
        yield port


def ask(binary: Path, profile: Path, port: int) -> tuple[int, dict, str]:
    """The exit status, the JSON report, and the report for a person."""
    with tempfile.TemporaryDirectory() as folder:
        output, url = Path(folder) / "report.json", f"http://127.0.0.1:{port}"
        argv = [binary, "matrix", "--profile", profile, "--target", url, "--openapi", f"{url}/openapi.json", "--complete"]
        argv += ["--rate", str(RATE), "--timeout", "30", "--format", "json", "--output", output]
        done = subprocess.run([str(part) for part in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if done.returncode not in (0, 1) or not output.exists():
            raise HarnessError(f"artos-conformance: status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
        human = subprocess.run([str(binary), "render", str(output), "--format", "human"], capture_output=True, text=True, timeout=120)
        return done.returncode, json.loads(output.read_text()), human.stdout


def cells(report: dict, *outcomes: str):
    """`METHOD /path` and the name of each cell with one of these outcomes."""
    for operation in report["operations"]:
        for cell in operation["cells"]:
            if cell["outcome"] in outcomes:
                name = "/".join(filter(None, (cell["caller"], cell["resource"])))
                yield f"{operation['method']} {operation['path']}", name, cell


def try_right(result: Result, service, keys, binary, faults):
    """Nothing fails and nothing warns, with a key and with tokens; each cell that finds a fault passes."""
    files = keys.of(service.algorithm)
    with running(service, result.manner, files) as port:
        for power, profile in (("signing", files.matrix_signing), ("tokens", files.matrix_tokens)):
            if result.manner.prefix or result.manner.scopes:
                profile = result.manner.changed(profile)
            status, report, _ = ask(binary, profile, port)
            for operation, name, cell in cells(report, "failed", "warned", "skipped"):
                why = cell.get("observed") or cell.get("skipped_because")
                result.problems.append(f"{power}: {operation} as {name}: expected {cell['expected']}, observed {why}")
            if (status, report["verdict"]) != (0, "conforms"):
                result.problems.append(f"{power}: status {status}, verdict {report['verdict']}: {report['summary']}")
            if power == "signing":
                result.summary = report["summary"]
                passed = {(operation, name) for operation, name, _ in cells(report, "passed")}
                for fault in faults if not result.manner.prefix else ():
                    if not any(operation == fault.operation and is_about(fault, name) for operation, name in passed):
                        result.problems.append(f"no cell `{fault.cell}` of {fault.operation} passes: {fault.name} proves nothing")


def is_about(fault: Fault, name: str) -> bool:
    return name == fault.cell or name.startswith(f"{fault.cell}/")


def try_fault(result: Result, service, keys, binary):
    """The fault fails its cell, and no cell of another operation; the report for a person names operation and cell."""
    fault, files = result.fault, keys.of(service.algorithm)
    with running(service, AS_IS, files, fault.name) as port:
        status, report, human = ask(binary, files.matrix_signing, port)
    failed = list(cells(report, "failed"))
    found = [name for operation, name, _ in failed if operation == fault.operation and is_about(fault, name)]
    others = sorted({operation for operation, _, _ in failed if operation != fault.operation})
    if status != 1 or not found:
        result.problems.append(f"not found in `{fault.cell}`: {[f'{operation} as {name}' for operation, name, _ in failed]}")
    if others:
        result.problems.append(f"other operations failed too: {', '.join(others)}")
    ids = {operation["operation_id"]: f"{operation['method']} {operation['path']}" for operation in report["operations"]}
    for wanted, key in ((fault.open, "open_undocumented"), (fault.closed, "closed_documented")):
        named = [ids[operation] for operation in report["public"][key]]
        if named != ([fault.operation] if wanted else []):
            result.problems.append(f"{key} is {named}")
    if found and not (fault.operation in human and found[0] in human):
        result.problems.append(f"the report for a person does not name {fault.operation} and {found[0]}")


def try_page(service, keys, binary):
    """The HTML page of a fault, in a browser."""
    files = keys.of(service.algorithm)
    with running(service, AS_IS, files, "comment/child-unchecked") as port:
        url = f"http://127.0.0.1:{port}"
        browser.look_at(binary, "matrix", ["--profile", files.matrix_signing, "--target", url, "--openapi", f"{url}/openapi.json"])


def plan(service, options, keys, binary):
    faults = read_faults()
    for manner in MANNERS[service.name]:
        if manner.name in options.manner if options.manner else not options.fault:
            result = Result(service.name, manner)
            yield result, lambda result=result: try_right(result, service, keys, binary, faults)
    seen = set()
    for fault in faults:
        # Without --all, each kind of fault on its first operation.
        chosen = options.all or fault.kind not in seen
        seen.add(fault.kind)
        if fault.name in options.fault if options.fault else chosen and not options.manner:
            result = Result(service.name, AS_IS, fault)
            yield result, lambda result=result: try_fault(result, service, keys, binary)
    if service.name == "axum" and not options.fault and not options.manner:
        yield Result(service.name, label="the HTML page in a browser"), lambda: try_page(service, keys, binary)


def page(results: list[Result]):
    """The lines of docs/matrix-faults.md."""
    titles = {name: service.title for name, service in SERVICES.items()}
    found = [result for result in results if result.fault]
    yield "# Faults that the matrix finds"
    yield ""
    yield "`artos-conformance matrix` is tested against an API of 14 operations on FastAPI, Express and axum, whose OpenAPI documents"
    yield "FastAPI, swagger-jsdoc and utoipa generate. The services are `operations.py`, `operations.js` and `operations.rs` in"
    yield f"`conformance/tests/frameworks`. `conformance/tests/frameworks/matrix --all --write` wrote this page: {len(found)} faults, each"
    yield "found, and no cell of another operation failed."
    yield ""
    yield "## Correct services"
    yield ""
    yield "Every cell passed, with a key (`[signing]`) and with tokens alone (`[tokens]`)."
    yield ""
    yield "| framework | manner | | operations | cells |"
    yield "|---|---|---|---|---|"
    for result in results:
        if not result.fault and result.summary:
            counts = f"{result.summary['operations']} | {result.summary['passed']}"
            yield f"| {titles[result.framework]} | `{result.manner.name}` | {result.manner.about} | {counts} |"
    yield ""
    yield "## Faults, one operation at a time"
    yield ""
    yield "| fault | an operation … | found by | on | frameworks |"
    yield "|---|---|---|---|---|"
    for kind in dict.fromkeys(result.fault.kind for result in found):
        of_kind = [result for result in found if result.fault.kind == kind]
        fault = of_kind[0].fault
        on = ", ".join(f"`{name}`" for name in dict.fromkeys(result.fault.operation for result in of_kind))
        frameworks = ", ".join(dict.fromkeys(titles[result.framework] for result in of_kind))
        yield f"| `{kind}` | {fault.about} | `{fault.cell}` | {on} | {frameworks} |"


def write(results: list[Result]):
    PAGE.write_text("\n".join(page(results)) + "\n")


def main(about: str) -> int:
    return runner.main(
        runner.Script(
            about=about,
            all="every fault of every operation",
            fault=", as OPERATION/FAULT",
            page="docs/matrix-faults.md",
            write=write,
            plan=plan,
        )
    )
