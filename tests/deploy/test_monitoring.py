"""Alerts fire as their examples say, have a runbook each, and ask for metrics that exist; the dashboard is that of its
script; and every pod is scraped.
"""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Manifest

Rendered = Callable[[Sequence[str]], list[Manifest]]


@pytest.fixture
def rules(root: Path) -> dict[str, Any]:
    """The groups of rules as Prometheus reads them."""
    found = yaml.safe_load((root / "deploy/k8s/components/monitoring/rules.yaml").read_text())
    return dict(found["spec"])


@pytest.fixture
def alerts(rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


@pytest.fixture
def examples(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "tests/deploy/data/alerts.yaml").read_text())
    return found


@pytest.fixture
def promtool(tmp_path: Path, rules: dict[str, Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs promtool, of Debian's package prometheus, beside `rules.yaml`."""
    found = shutil.which("promtool")
    assert found, "promtool is not installed: apt-get install prometheus, or ./setup.sh packages"
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([found, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_prometheus_takes_the_rules(promtool: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    checked = promtool("check", "rules", "--lint-fatal", "rules.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_fire_as_in_their_examples(
    promtool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, root: Path
) -> None:
    shutil.copy(root / "tests/deploy/data/alerts.yaml", tmp_path)
    tested = promtool("test", "rules", "alerts.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_an_example(alerts: list[dict[str, Any]], examples: dict[str, Any]) -> None:
    fired = {
        (each["alertname"], alert["exp_labels"]["severity"])
        for test in examples["tests"]
        for each in test["alert_rule_test"]
        for alert in each["exp_alerts"]
    }
    assert fired == {(rule["alert"], rule["labels"]["severity"]) for rule in alerts}


def test_every_alert_has_a_runbook_that_names_it(alerts: list[dict[str, Any]], root: Path) -> None:
    pages = {rule["annotations"]["runbook_url"]: rule["alert"] for rule in alerts}
    written = {str(path.relative_to(root)) for path in (root / "docs/runbooks").glob("*.md")} - {
        "docs/runbooks/README.md"
    }
    assert written == set(pages)
    index = (root / "docs/runbooks/README.md").read_text()
    for page, alert in pages.items():
        assert (root / page).read_text().startswith(f"# {alert}\n")
        assert f"({Path(page).name})" in index


def test_the_dashboard_is_that_of_its_script(root: Path) -> None:
    script = runpy.run_path(str(root / "deploy/dashboard.py"))
    assert script["OUT"].read_text() == script["rendered"](), "run .venv/bin/python deploy/dashboard.py"


def test_the_first_row_answers_why_speech_is_slow(dashboard: dict[str, Any]) -> None:
    _, *panels = dashboard["panels"]
    titles = [panel["title"] for panel in panels[:5]]
    assert titles[1:] == ["Queue", "Model", "Catalog", "Network"]
    assert {panel["gridPos"]["y"] for panel in panels[:5]} == {1}


@pytest.fixture
def dashboard(rendered_with: Rendered) -> dict[str, Any]:
    """The dashboard that Grafana finds."""
    [found] = [
        each
        for each in rendered_with(["monitoring"])
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    ]
    [text] = found["data"].values()
    return dict(json.loads(text))


def test_prometheus_takes_every_query_of_the_dashboard(
    dashboard: dict[str, Any], promtool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    queries = [query.replace("$__rate_interval", "5m").replace("$namespace", ".*") for query in _queries(dashboard)]
    asked = {"groups": [{"name": "asked", "rules": [{"record": f"q{n}", "expr": e} for n, e in enumerate(queries)]}]}
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump(asked))
    checked = promtool("check", "rules", "queries.yaml")
    assert checked.returncode == 0, checked.stderr


def test_everything_that_is_asked_for_is_measured(dashboard: dict[str, Any], rules: dict[str, Any], root: Path) -> None:
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]] + _queries(dashboard)
    asked = {name for each in expressions for name in re.findall(r"(?<![:\w])voicebox_[a-z_]+(?![\w:(])", each)}
    source = "\n".join(
        path.read_text() for part in ("libs", "services") for path in (root / part).rglob("voicebox_*/**/*.py")
    )
    made = set(re.findall(r'"(voicebox_[a-z_]+)"', source))
    missing = {
        name for name in asked if name not in made and re.sub("_(bucket|sum|count|total)$", "", name) not in made
    }
    assert asked >= {"voicebox_queue_seconds_bucket", "voicebox_refused_total"}
    assert missing == set()


def test_every_metrics_port_is_scraped(rendered_with: Rendered) -> None:
    manifests = rendered_with(["monitoring"])
    scraped = set()
    for monitor in (each for each in manifests if each["kind"] == "PodMonitor"):
        assert monitor["metadata"]["namespace"] == "voicebox"
        selector = monitor["spec"]["selector"]
        names = [selector["matchLabels"]["app.kubernetes.io/name"]] if "matchLabels" in selector else []
        names += [name for each in selector.get("matchExpressions", ()) for name in each["values"]]
        scraped |= {(name, end["port"]) for name in names for end in monitor["spec"]["podMetricsEndpoints"]}
    offered = {
        (workload["metadata"]["name"], port["name"])
        for workload in manifests
        if workload["kind"] in ("Deployment", "StatefulSet")
        for container in workload["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
        if port["name"].endswith("metrics")
    }
    assert scraped == offered != set()


def _queries(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
