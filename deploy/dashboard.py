"""Writes the Grafana dashboard: `.venv/bin/python deploy/dashboard.py`.

Its first row answers why speech is slow: because of the queue, the model, the catalog or the network.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "k8s" / "components" / "monitoring" / "voicebox.json"
WIDTH, HEIGHT = 24, 8
"""Of the whole dashboard and of a panel, in Grafana's units."""

OURS = 'namespace=~"$namespace"'
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Query:
    """One or many lines of a panel, named by a template of their labels."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A panel: what it shows in which unit, and what a person reads in it."""

    title: str
    unit: str
    queries: Sequence[Query]
    description: str = ""
    kind: str = "timeseries"
    stacked: bool = False


def rate(metric: str, labels: str = "") -> str:
    """The rate of a counter of ours."""
    return f"rate({metric}{{{OURS}{',' if labels else ''}{labels}}}[$__rate_interval])"


def quantile(share: float, metric: str, by: str = "", labels: str = "") -> str:
    """A quantile of a histogram of ours, by these labels."""
    return f"histogram_quantile({share:g}, sum by ({by}{', ' if by else ''}le) ({rate(f'{metric}_bucket', labels)}))"


def waited(title: str, part: str, description: str) -> Panel:
    """How long first audio waits for one of its parts: of twenty, the one that waits longest."""
    expr = quantile(0.95, "voicebox_tts_first_chunk_part_seconds", labels=f'part="{part}"')
    return Panel(title, "s", (Query(expr, "p95"),), description, kind="stat")


FIRST = "voicebox_tts_first_chunk"
ROWS: Mapping[str, Sequence[Panel]] = {
    "Why is speech slow: queue, model, catalog or network?": (
        Panel(
            "What first audio waits for, in the mean",
            "s",
            (
                Query(
                    f"sum by (part) ({rate(f'{FIRST}_part_seconds_sum')}) / ignoring(part) group_left "
                    f"sum({rate(f'{FIRST}_seconds_count')})",
                    "{{part}}",
                ),
            ),
            "They add up to the time from a request's arrival until its first audio is sent. The widest is the answer.",
            stacked=True,
        ),
        waited("Queue", "queue", "Waits for a permit. Where it leads: more pods, see runbook calls-refused."),
        waited(
            "Model", "model", "The engine makes the first audio. Where it leads: a faster device, fewer streams on it."
        ),
        waited(
            "Catalog",
            "voice",
            "Profile, prompt and lexicons from the catalog, and a model that is loaded.",
        ),
        waited("Network", "send", "The client takes the first audio: its connection, and what stands between."),
    ),
    "What listeners notice": (
        Panel(
            "First audio",
            "s",
            tuple(Query(quantile(share, f"{FIRST}_seconds"), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
        ),
        Panel(
            "Chunks that come too late",
            "percentunit",
            (
                Query(
                    f"sum by (engine) ({rate('voicebox_tts_underruns_total')}) / "
                    f"sum by (engine) ({rate('voicebox_tts_chunk_gap_seconds_count')})",
                    "{{engine}}",
                ),
            ),
            "The listener has played everything before: a pause is heard.",
        ),
        Panel(
            "Calls that fail or are refused",
            "percentunit",
            (
                Query(f"voicebox:calls_failed:ratio5m{{{OURS}}}", "{{container}} fails"),
                Query(f"voicebox:calls_refused:ratio5m{{{OURS}}}", "{{container}} refuses"),
            ),
        ),
    ),
    "Capacity": (
        Panel(
            "Streams",
            "short",
            tuple(
                Query(f"sum by (container) (voicebox_streams_{state}{{{OURS}}})", f"{{{{container}}}} {state}")
                for state in ("running", "waiting", "stalled")
            ),
        ),
        Panel("Queue, p95", "s", (Query(quantile(0.95, "voicebox_queue_seconds", "container"), "{{container}}"),)),
        Panel(
            "Real-time factor of speech, p95",
            "short",
            (Query(quantile(0.95, "voicebox_tts_real_time_factor", "engine"), "{{engine}}"),),
            "Time to make a second of speech: above 1 listeners wait.",
        ),
        Panel(
            "Recognition behind its speaker, p95",
            "s",
            (Query(quantile(0.95, "voicebox_asr_lag_seconds"), "lag"),),
        ),
    ),
    "Models and GPUs": (
        Panel(
            "Memory of GPUs",
            "percentunit",
            (Query(f"voicebox_gpu_memory_used_bytes{{{OURS}}} / voicebox_gpu_memory_bytes", "{{pod}} {{gpu}}"),),
            "Only where the extra `nvml` is installed.",
        ),
        Panel("GPUs at work", "percentunit", (Query(f"voicebox_gpu_busy_ratio{{{OURS}}}", "{{pod}} {{gpu}}"),)),
        Panel(
            "Memory of loaded models",
            "bytes",
            (Query(f"sum by (container, model) (voicebox_model_memory_bytes{{{OURS}}})", "{{container}} {{model}}"),),
        ),
        Panel(
            "Voice prompts that were cached",
            "percentunit",
            (
                Query(
                    f"sum({rate('voicebox_tts_prompts_found_total')}) / "
                    f"(sum({rate('voicebox_tts_prompts_found_total')}) + "
                    f"sum({rate('voicebox_tts_prompts_computed_total')}))",
                    "cached",
                ),
            ),
        ),
    ),
    "Calls and stores": (
        Panel(
            "Calls",
            "reqps",
            (Query(f"sum by (container, code) ({rate('voicebox_rpc_seconds_count')})", "{{container}} {{code}}"),),
        ),
        Panel("Unary calls, p95", "s", (Query(quantile(0.95, "voicebox_rpc_seconds", "method"), "{{method}}"),)),
        Panel(
            "Database, p95",
            "s",
            (Query(quantile(0.95, "voicebox_database_seconds", "container, work"), "{{container}} {{work}}"),),
        ),
        Panel(
            "Files, p95",
            "s",
            (Query(quantile(0.95, "voicebox_blob_seconds", "container, operation"), "{{container}} {{operation}}"),),
        ),
    ),
    "Gateway and processes": (
        Panel(
            "Calls through the gateway",
            "reqps",
            (
                Query(
                    f"sum by (envoy_response_code_class) ({rate('envoy_http_downstream_rq_xx')})",
                    "{{envoy_response_code_class}}xx",
                ),
            ),
        ),
        Panel(
            "Healthy replicas",
            "short",
            (
                Query(
                    f"min by (envoy_cluster_name) (envoy_cluster_membership_healthy{{{OURS}}})",
                    "{{envoy_cluster_name}}",
                ),
            ),
        ),
        Panel("Processor", "short", (Query(f"sum by (pod) ({rate('process_cpu_seconds_total')})", "{{pod}}"),)),
        Panel(
            "Versions",
            "short",
            (Query(f"sum by (service, version) (voicebox_build_info{{{OURS}}})", "{{service}} {{version}}"),),
        ),
    ),
}


def dashboard() -> Mapping[str, Any]:
    """The dashboard as Grafana imports it."""
    panels: list[Mapping[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        panels.append(
            {"type": "row", "title": title, "id": len(panels) + 1, "gridPos": place, "collapsed": False, "panels": []}
        )
        widths = [8, 4, 4, 4, 4] if len(row) == 5 else [WIDTH // len(row)] * len(row)
        for index, (panel, width) in enumerate(zip(row, widths, strict=True)):
            place = {"x": sum(widths[:index]), "y": top + 1, "w": width, "h": HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, place))
        top += HEIGHT + 1
    return {
        "title": "voicebox",
        "uid": "voicebox",
        "tags": ["voicebox"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source(), _namespace()]},
        "panels": panels,
    }


def rendered() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=1) + "\n"


def _panel(panel: Panel, number: int, place: Mapping[str, int]) -> Mapping[str, Any]:
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 60} if panel.stacked else {}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend}
            for index, query in enumerate(panel.queries)
        ],
    }


def _source() -> Mapping[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _namespace() -> Mapping[str, Any]:
    query = "label_values(voicebox_build_info, namespace)"
    return {
        "name": "namespace",
        "type": "query",
        "datasource": SOURCE,
        "query": query,
        "includeAll": True,
        "allValue": ".*",
    }


if __name__ == "__main__":
    OUT.write_text(rendered(), encoding="utf-8")
