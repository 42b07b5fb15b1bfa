"""Writes the generated part of docs/frameworks.md."""

from . import install, services
from .processes import HarnessError

PAGE = install.ROOT / "docs/frameworks.md"
BEGIN, END = "<!-- begin: written by conformance/tests/frameworks/run -->", "<!-- end -->"


def write(results):
    """Replaces what is between the marks of the page by the tables of these results."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise HarnessError(f"{PAGE} lacks the marks that the tables go between")
    PAGE.write_text("\n".join([before + BEGIN, "", *_manners(results), "", *_faults(results), "", END + after]))


def _manners(results):
    yield "## Correct services"
    yield ""
    yield "Cases that passed, warned (a `should`), and were skipped; none failed."
    yield ""
    yield "| framework | manner | | with a key | with tokens |"
    yield "|---|---|---|---|---|"
    for result in results:
        if result.manner:
            title = services.SERVICES[result.framework].title
            counts = " | ".join(_counts(result.reports[power]) for power in ("signing", "tokens"))
            yield f"| {title} | `{result.manner.name}` | {result.manner.about} | {counts} |"


def _counts(report) -> str:
    return ", ".join(f"{len(report.ids(outcome))} {outcome}" for outcome in ("passed", "warned", "skipped"))


def _faults(results):
    frameworks = [name for name in services.SERVICES if any(result.framework == name for result in results)]
    titles = [services.SERVICES[name].title for name in frameworks]
    rows = {}
    for result in results:
        if result.fault:
            rows.setdefault(result.fault, {})[result.framework] = result
    yield "## Faults"
    yield ""
    yield "A case that finds the fault, and on which framework it does: with a key (`[signing]`) and with tokens alone. Some faults"
    yield "show only with tokens that a key mints, and some can be made on only one framework."
    yield ""
    yield "| fault | the service … | clause | | found by | " + " | ".join(titles) + " |"
    yield "|---|---|---|---|---|" + "---|" * len(titles)
    for fault, found in rows.items():
        outcomes = ("failed",) if fault.level == "must" else ("warned",)
        names = sorted({name for result in found.values() for name in _found(result, fault, outcomes)})
        cells = [_cell(found.get(name)) for name in frameworks]
        case = ", ".join(f"`{name}`" for name in names[:2]) + (", others" if len(names) > 2 else "")
        yield f"| `{fault.name}` | {fault.about} | {fault.clause} | {fault.level} | {case} | " + " | ".join(cells) + " |"


def _found(result, fault, outcomes):
    return [name for report in result.reports.values() for name in report.matching(fault.case, *outcomes)]


def _cell(result) -> str:
    names = {"signing": "key", "tokens": "tokens"}
    return " and ".join(names[power] for power in result.reports) if result else "–"
