"""Fails where dashboard.json has a field that Grafana 10.1 does not have, or a value of another type.

It reads the dashboard by Grafana's own types (grafana-foundation-sdk), writes it again, and compares.
"""
import json
import pathlib
import re
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# Of the import, and null or obsolete: not of the dashboard as it is stored.
NOT_STORED = {".__inputs", ".__requires", ".id", ".templating.list[].definition"}


def differences(ours, theirs, path=""):
    """The paths of what is not the same on the other side."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            if name in theirs:
                yield from differences(value, theirs[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield path


register_default_plugins()
ours = json.loads(pathlib.Path(sys.argv[1]).read_text())
theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
unknown = set(differences(ours, theirs)) - NOT_STORED
if unknown:
    sys.exit(f"not of a dashboard of Grafana 10.1: {', '.join(sorted(unknown))}")
numbers = [panel["id"] for panel in ours["panels"]]
if len(set(numbers)) != len(numbers):
    sys.exit("two panels have one id")
for panel in ours["panels"]:
    place = panel["gridPos"]
    if place["x"] + place["w"] > 24:
        sys.exit(f"panel {panel['title']} is outside of the grid")
variables = {variable["name"] for variable in ours["templating"]["list"]} | {"__rate_interval", "__range"}
used = set(re.findall(r"\$\{?(\w+)", json.dumps(ours["panels"])))
if not used <= variables:
    sys.exit(f"unknown variables: {', '.join(sorted(used - variables))}")
