"""The chart renders what the snapshots show; that is valid and safe, starts artos-auth, and wrong values are refused.

`--accept` writes the snapshots, `--artos-auth FILE` names the program. `deploy/helm/test` runs this with what it needs.
"""

import argparse
import copy
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# A copy without symbolic links, each of which Helm reports whenever it loads the chart.
COPY = tempfile.TemporaryDirectory()
CHART = shutil.copytree(HERE / "artos-auth", Path(COPY.name) / "artos-auth")
# The oldest version that Chart.yaml allows, and the newest one with published schemas.
VERSIONS = ["1.30", "1.37"]
# Their schemas belong to the Prometheus operator.
FOREIGN = {"ServiceMonitor", "PrometheusRule"}

CONFIG = '[keys]\nfile = "keys.jwks.json"\n'
# Values beside a right `config`, and a part of the message.
REFUSED = {
    "an unknown value": ({"replicas": 3}, "replicas"),
    "an unknown value inside of another": ({"image": {"name": "x"}}, "name"),
    "a number as text": ({"replicaCount": "3"}, "replicaCount"),
    "a privileged port": ({"ports": {"http": 80}}, "http"),
    "a digest without its algorithm": ({"image": {"digest": "0123"}}, "digest"),
    "a file of no kind": ({"files": [{"key": "keys.jwks.json"}]}, "files"),
    "a file of two kinds": ({"files": [{"secret": "a", "configMap": "b", "key": "k"}]}, "files"),
    "a file outside of the folder": ({"files": [{"secret": "a", "key": "k", "path": "../k"}]}, "files"),
    "a file in place of the configuration": ({"files": [{"secret": "a", "key": "k", "path": "artos-auth.toml"}]}, "files"),
    "a disruption budget of nothing": ({"podDisruptionBudget": {"maxUnavailable": 0}}, "maxUnavailable"),
    "metrics that Prometheus cannot reach": ({"serviceMonitor": {"enabled": True}}, "networkPolicy.metrics"),
    "a runbook that is no address": ({"prometheusRule": {"runbookPrefix": "docs/"}}, "runbookPrefix"),
    "no configuration": ({"config": " \n"}, "`config` is empty"),
    "an address in the configuration": ({"config": f'listen = "0.0.0.0:8080"\n{CONFIG}'}, "sets `listen`"),
    "the admin address in the configuration": ({"config": f'admin_listen = "0.0.0.0:1"\n{CONFIG}'}, "sets `listen`"),
}


class Wrong(Exception):
    """A failed check."""


class Readable(yaml.SafeDumper):
    """Writes text of several lines as lines."""


Readable.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def hold(condition: object, message: str) -> None:
    if not condition:
        raise Wrong(message)


def render(values: dict, release: str = "demo") -> list[dict]:
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name=release, namespace="auth")
    text = "\n---\n".join(text for path, text in sorted(files.items()) if path.endswith(".yaml"))
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(manifests: list[dict], kind: str) -> list[dict]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def values_of(name: str) -> dict:
    return yaml.safe_load((CHART / "ci" / f"{name}.yaml").read_text())


def config_of(manifests: list[dict]) -> str:
    return of_kind(manifests, "ConfigMap")[0]["data"]["artos-auth.toml"]


def is_valid(manifests: list[dict]) -> None:
    """Against the schemas of Kubernetes, in which no unknown field is allowed."""
    for manifest in manifests:
        if manifest["kind"] in FOREIGN:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(map(str, error.path))
                raise Wrong(f"{manifest['kind']} for {version}: {path}: {error.message}") from error


def is_safe(manifests: list[dict]) -> None:
    """The `restricted` profile of the Pod Security Standards, and a root file system that is read-only."""
    pod = of_kind(manifests, "Deployment")[0]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    for account in of_kind(manifests, "ServiceAccount"):
        hold(account["automountServiceAccountToken"] is False, "the account's token is mounted")
    hold(pod["automountServiceAccountToken"] is False, "a token is mounted")
    hold(pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0, "it may run as root")
    hold(pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, "no seccomp profile")
    hold(container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }, "the container's security context")
    hold(all(mount["readOnly"] for mount in container["volumeMounts"]), "a mount can be written to")
    mode = pod["volumes"][0]["projected"]["defaultMode"]
    hold(mode == 0o440, f"every user can read the keys: mode {mode:o}")


def fits_together(manifests: list[dict]) -> None:
    """Every selector selects the pods, every port name is a port of the container, and the configuration has its number."""
    template = of_kind(manifests, "Deployment")[0]["spec"]["template"]
    container = template["spec"]["containers"][0]
    labels = template["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    config = config_of(manifests)
    hold(config.startswith(f'listen = "0.0.0.0:{ports["http"]}"\nadmin_listen = "0.0.0.0:{ports["admin"]}"\n'),
         f"the addresses of the configuration:\n{config}")
    probes = {name: container[name]["httpGet"] for name in ["livenessProbe", "readinessProbe"]}
    hold(probes == {"livenessProbe": {"path": "/healthz", "port": "admin"},
                    "readinessProbe": {"path": "/readyz", "port": "admin"}}, f"probes: {probes}")
    for service in of_kind(manifests, "Service"):
        hold(service["spec"]["selector"].items() <= labels, f"{service['metadata']['name']} selects no pod")
        hold(all(port["targetPort"] in ports for port in service["spec"]["ports"]), "a Service without its port")
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        hold(budget["spec"]["selector"]["matchLabels"].items() <= labels, "the disruption budget selects no pod")
    for policy in of_kind(manifests, "NetworkPolicy"):
        hold(policy["spec"]["podSelector"]["matchLabels"].items() <= labels, "the network policy selects no pod")
        for rule in policy["spec"]["ingress"]:
            hold(rule["from"], "an ingress rule for everyone")
            hold(all(port["port"] in ports for port in rule["ports"]), "a network policy without its port")
    for monitor in of_kind(manifests, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [one for one in of_kind(manifests, "Service") if wanted <= one["metadata"]["labels"].items()]
        hold(len(found) == 1, "the ServiceMonitor does not select exactly one Service")
        names = {port["name"] for port in found[0]["spec"]["ports"]}
        hold(all(endpoint["port"] in names for endpoint in monitor["spec"]["endpoints"]), "a ServiceMonitor without its port")


def write_volume(manifests: list[dict], folder: Path, program: str) -> Path:
    """What the container sees at /etc/artos-auth, with new keys in the files that are not the chart's. Returns the configuration."""
    for source in of_kind(manifests, "Deployment")[0]["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]:
        items = next(iter(source.values())).get("items", [])
        for number, item in enumerate(items):
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            private = folder / f"{path.name}.private.json"
            subprocess.run([program, "keys", "generate", "--alg", "ES256", "--kid", f"{path.name}-{number}", "--out", private],
                           check=True, capture_output=True)
            public = subprocess.run([program, "keys", "public", "--in", private], check=True, capture_output=True).stdout
            path.write_bytes(public)
            private.unlink()
    config = folder / "artos-auth.toml"
    config.write_text(config_of(manifests))
    return config


def passes_check(manifests: list[dict], program: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = write_volume(manifests, Path(folder), program)
        done = subprocess.run([program, "check", "--offline", "--config", config], capture_output=True, text=True,
                              env={**os.environ, "VALKEY_PASSWORD": "not-a-real-password"})
        hold(done.returncode == 0, f"`artos-auth check` ends with {done.returncode}: {done.stderr}")
        # The pod's network is what the NetworkPolicy is for; everything else deserves no warning.
        unexpected = [line for line in done.stderr.splitlines() if "plaintext" not in line]
        hold(not unexpected, "\n".join(unexpected))


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def status(url: str) -> int:
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def starts(program: str) -> None:
    """The container's arguments, with its volume: the probes succeed, and a request without a token is 401."""
    http, admin = free_ports(2)
    manifests = render({**values_of("keys-from-a-secret"), "ports": {"http": http, "admin": admin}})
    container = of_kind(manifests, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]
    with tempfile.TemporaryDirectory() as folder:
        config = write_volume(manifests, Path(folder), program)
        args = [str(config) if arg == "/etc/artos-auth/artos-auth.toml" else arg for arg in container["args"]]
        hold(str(config) in args, f"the container's arguments: {container['args']}")
        server = subprocess.Popen([program, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            hold(server.stdout.readline().startswith("listening on "), "the server does not start")
            for probe in ["livenessProbe", "readinessProbe"]:
                url = f"http://127.0.0.1:{admin}{container[probe]['httpGet']['path']}"
                deadline = time.monotonic() + 60
                while status(url) != 200:
                    hold(time.monotonic() < deadline, f"{probe}: no 200 from {url}")
                    time.sleep(0.05)
            hold(status(f"http://127.0.0.1:{http}/api/v1/templates/") == 401, "a request without a token is not 401")
        finally:
            server.terminate()
            server.wait()


def restarts_for_a_new_config() -> None:
    def checksum(config: str, restart: bool) -> str | None:
        manifests = render({"config": config, "restartOnConfigChange": restart})
        annotations = of_kind(manifests, "Deployment")[0]["spec"]["template"]["metadata"].get("annotations", {})
        return annotations.get("checksum/config")

    hold(checksum(CONFIG, True) != checksum(CONFIG + "\n[audit]\noutput = \"off\"\n", True), "a new configuration restarts nothing")
    hold(checksum(CONFIG, True) == checksum(CONFIG, True) is not None, "the same configuration restarts the pods")
    hold(checksum(CONFIG, False) is None, "the pods restart without restartOnConfigChange")


def every_value_has_a_schema() -> None:
    """So that no value can be misspelled, and none of the schema is missing from values.yaml."""
    def compare(values: dict, schema: dict, path: str) -> None:
        known = set(schema["properties"]) - {"global"}
        hold(known == set(values), f"values.schema.json and values.yaml differ at {path or 'the top'}: {known ^ set(values)}")
        for key, value in values.items():
            if "properties" in schema["properties"][key]:
                compare(value, schema["properties"][key], f"{path}.{key}")

    compare(yaml.safe_load((CHART / "values.yaml").read_text()), json.loads((CHART / "values.schema.json").read_text()), "")


def has_the_version_of_the_program() -> None:
    wanted = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    hold(chart["version"] == chart["appVersion"] == wanted, f"Chart.yaml does not have the version {wanted} of Cargo.toml")


def alerts_like_the_file() -> None:
    """The rules are those of deploy/observability, and the ServiceMonitor gives the job that they expect."""
    manifests = render(values_of("keys-from-an-issuer"))
    wanted = (ROOT / "deploy/observability/alerts.yml").read_text()
    rules = of_kind(manifests, "PrometheusRule")[0]["spec"]
    runbook = values_of("keys-from-an-issuer")["prometheusRule"]["runbookPrefix"]
    hold(rules == yaml.safe_load(wanted.replace("runbook_url: ", f"runbook_url: {runbook}")), "other rules than in alerts.yml")
    hold(rules != yaml.safe_load(wanted), "the runbook has no prefix")
    label = of_kind(manifests, "ServiceMonitor")[0]["spec"]["jobLabel"]
    jobs = {one["metadata"]["labels"][label] for one in of_kind(manifests, "Service")}
    hold({f'job="{job}"' for job in jobs} == {'job="artos-auth"'} and 'job="artos-auth"' in wanted, f"the job is {jobs}")


def is_as_documented(program: str) -> None:
    """The values of docs/install.md, and the name that its commands give to the deployment."""
    page = (ROOT / "docs/install.md").read_text()
    values = yaml.safe_load(page.split("`values.yaml`\n\n```yaml\n")[1].split("```")[0])
    passes_check(render(values), program)
    command = re.search(r"^helm install (\S+) deploy/helm/artos-auth --values values.yaml$", page, re.MULTILINE)
    name = of_kind(render(values, command[1]), "Deployment")[0]["metadata"]["name"]
    hold(f"kubectl rollout status deployment/{name}\n" in page, f"the page does not know the deployment {name}")


def refuses(values: dict, part: str) -> None:
    try:
        render({"config": CONFIG, **copy.deepcopy(values)})
    except helm.HelmError as error:
        hold(part in str(error), f"the message does not name {part}: {error}")
        return
    raise Wrong("it is rendered")


def lints(values: dict) -> None:
    # An icon is only a recommendation, at the lowest level.
    found = [one for one in helm.lint(CHART, values, strict=True)["messages"] if one["severity"] > 1]
    hold(not found, f"helm lint: {found}")


def equals_snapshot(name: str, manifests: list[dict], accept: bool) -> None:
    path = HERE / "snapshots" / f"{name}.yaml"
    # The alert rules are a file of their own, with a trial of their own.
    shown = [{**one, "spec": "deploy/observability/alerts.yml"} if one["kind"] == "PrometheusRule" else one for one in manifests]
    text = yaml.dump_all(shown, Dumper=Readable, sort_keys=False, width=120)
    if accept:
        path.write_text(text)
    hold(path.exists() and path.read_text() == text,
         f"{path.relative_to(ROOT)} is not what is rendered: look at the difference after `deploy/helm/test --accept`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--artos-auth", metavar="FILE")
    args = parser.parse_args()
    program = args.artos_auth
    if program is None:
        subprocess.run(["cargo", "build", "--quiet", "--locked", "--bin", "artos-auth"], cwd=ROOT, check=True)
        program = str(ROOT / "target" / "debug" / "artos-auth")
    program = str(Path(program).resolve())

    trials = {"alerts": alerts_like_the_file,
              "every value has a schema": every_value_has_a_schema,
              "the chart has the version of the program": has_the_version_of_the_program,
              "a new configuration restarts the pods": restarts_for_a_new_config,
              "docs/install.md": lambda: is_as_documented(program),
              "the container starts": lambda: starts(program)}
    names = sorted(path.stem for path in (CHART / "ci").glob("*.yaml"))
    hold(len(names) >= 4, f"value sets: {names}")
    for name in names:
        manifests = render(values_of(name))
        trials |= {
            f"{name}: helm lint": lambda name=name: lints(values_of(name)),
            f"{name}: snapshot": lambda name=name, it=manifests: equals_snapshot(name, it, args.accept),
            f"{name}: valid": lambda it=manifests: is_valid(it),
            f"{name}: safe": lambda it=manifests: is_safe(it),
            f"{name}: fits together": lambda it=manifests: fits_together(it),
            f"{name}: artos-auth check": lambda it=manifests: passes_check(it, program),
        }
    for what, (values, part) in REFUSED.items():
        trials[f"refused: {what}"] = lambda values=values, part=part: refuses(values, part)

    failed = 0
    for what, trial in trials.items():
        try:
            trial()
        except (Wrong, helm.HelmError) as error:
            failed += 1
            print(f"FAILED: {what}: {error}", file=sys.stderr)
    if failed:
        sys.exit(f"{failed} of {len(trials)} trials of the chart failed")
    print(f"ok: {len(trials)} trials of the chart, {len(names)} sets of values, Helm {helm.helm_sdk_version()}")


if __name__ == "__main__":
    main()
