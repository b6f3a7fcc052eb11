"""Pods follow their streams: both autoscalers mean the same, and recorded metrics are replayed through their rule."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import kubernetes_validate
import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit.permits import Permits

from .conftest import Manifest

Rendered = Callable[[Sequence[str]], list[Manifest]]
SYNC_SECONDS, TOLERANCE = 15, 0.1
"""Of Kubernetes' controller, by default."""
STRETCH = 20
"""The recording takes a minute and a half; what it shows is taken for a day's work of half an hour."""


@dataclass(frozen=True)
class Scaler:
    """What an autoscaler is told."""

    target: int
    fewest: int
    most: int
    up_percent: int
    up_seconds: int
    down_pods: int
    down_seconds: int
    steady_seconds: int


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == kind}


def scaler(target: str, fewest: int, most: int, behavior: Manifest) -> Scaler:
    [up], [down] = behavior["scaleUp"]["policies"], behavior["scaleDown"]["policies"]
    assert (up["type"], down["type"]) == ("Percent", "Pods")
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    steady = behavior["scaleDown"]["stabilizationWindowSeconds"]
    periods = up["value"], up["periodSeconds"], down["value"], down["periodSeconds"]
    return Scaler(int(target), fewest, most, *periods, steady)


@pytest.fixture
def plain(rendered_with: Rendered) -> dict[str, Scaler]:
    found = of_kind(rendered_with(["autoscaling"]), "HorizontalPodAutoscaler")
    return {
        name: scaler(
            spec["metrics"][0]["pods"]["target"]["averageValue"],
            spec["minReplicas"],
            spec["maxReplicas"],
            spec["behavior"],
        )
        for name, spec in found.items()
    }


@pytest.fixture
def keda(rendered_with: Rendered) -> dict[str, Scaler]:
    found = of_kind(rendered_with(["keda"]), "ScaledObject")
    return {
        name: scaler(
            spec["triggers"][0]["metadata"]["threshold"],
            spec["minReplicaCount"],
            spec["maxReplicaCount"],
            spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        )
        for name, spec in found.items()
    }


def replicas(scaler: Scaler, streams: Iterator[int]) -> list[int]:
    """The pods after each look of the controller at the sum of running and waiting streams."""
    pods, wanted, seen, last_down = scaler.fewest, list[int](), list[int](), -scaler.down_seconds
    for number, total in enumerate(streams):
        now = number * SYNC_SECONDS
        is_near = abs(total / (scaler.target * pods) - 1.0) <= TOLERANCE
        wanted.append(pods if is_near else math.ceil(total / scaler.target))
        steady = max(wanted[-scaler.steady_seconds // SYNC_SECONDS :])
        if wanted[-1] > pods:
            before = seen[-scaler.up_seconds // SYNC_SECONDS :][0] if seen else pods
            pods = min(wanted[-1], math.ceil(before * (1 + scaler.up_percent / 100)), scaler.most)
        elif steady < pods and now - last_down >= scaler.down_seconds:
            pods, last_down = max(steady, pods - scaler.down_pods, scaler.fewest), now
        seen.append(pods)
    return seen


@pytest.fixture
def recorded(root: Path) -> list[int]:
    """Running and waiting streams, one value for each look of the controller."""
    lines = (root / "tests/deploy/data/streams.tsv").read_text().splitlines()[1:]
    points = [
        (int(seconds) * STRETCH, int(running) + int(waiting)) for seconds, running, waiting in map(str.split, lines)
    ]
    return [
        [total for seconds, total in points if seconds <= now][-1]
        for now in range(points[0][0], points[-1][0], SYNC_SECONDS)
    ]


def test_both_autoscalers_mean_the_same_for_tts_and_asr(plain: dict[str, Scaler], keda: dict[str, Scaler]) -> None:
    assert plain.keys() == {"tts", "asr"}
    assert plain == keda
    assert all(each.fewest >= 1 for each in plain.values()), "a pod that loads its model counts no streams"


def test_pods_come_with_the_streams_and_go_one_by_one(plain: dict[str, Scaler], recorded: list[int]) -> None:
    scaler = plain["tts"]
    pods = replicas(scaler, iter([*recorded, *[0] * 400]))
    peak = recorded.index(max(recorded))
    needed = math.ceil(max(recorded) / scaler.target)
    assert needed > 2
    assert max(pods) == needed
    assert max(pods[peak : peak + 60 // SYNC_SECONDS + 1]) == needed, "the queue is answered within a minute"
    falls = [number for number, (before, after) in enumerate(pairwise(pods)) if after < before]
    assert all(pods[at] - pods[at + 1] == 1 for at in falls)
    assert all((after - before) * SYNC_SECONDS >= 600 for before, after in pairwise(falls))
    assert pods[-1] == scaler.fewest


def test_a_short_quiet_does_not_cost_a_pod(plain: dict[str, Scaler]) -> None:
    pods = replicas(plain["tts"], iter([12] * 10 + [0] * 20 + [12] * 10))
    assert set(pods[5:]) == {3}


def test_without_prometheus_there_are_as_many_pods_as_in_the_base(rendered_with: Rendered) -> None:
    replicas_of = {name: spec["replicas"] for name, spec in of_kind(rendered_with([]), "StatefulSet").items()}
    for name, spec in of_kind(rendered_with(["keda"]), "ScaledObject").items():
        assert spec["fallback"]["replicas"] == replicas_of[name]


def test_what_they_ask_for_is_measured(rendered_with: Rendered) -> None:
    registry = CollectorRegistry()
    Permits(1, 1, registry)
    measured = {metric.name for metric in registry.collect()}
    for name, spec in of_kind(rendered_with(["keda"]), "ScaledObject").items():
        query = spec["triggers"][0]["metadata"]["query"]
        assert {"voicebox_streams_running", "voicebox_streams_waiting"} <= measured
        assert all(
            f'{metric}{{namespace="voicebox",container="{name}"}}' in query
            for metric in measured
            if "stream" in metric and "stalled" not in metric
        )


@pytest.mark.parametrize("component", ["autoscaling", "keda"])
def test_who_is_scaled_has_no_number_of_its_own(component: str, rendered_with: Rendered) -> None:
    """Each time the manifests are applied it would undo what the autoscaler did."""
    manifests = rendered_with([component])
    for name, spec in of_kind(manifests, "StatefulSet").items():
        assert ("replicas" in spec) == (name not in ("tts", "asr"))
    for each in manifests:
        if each["kind"] in ("StatefulSet", "HorizontalPodAutoscaler"):
            kubernetes_validate.validate(each, "1.37", strict=True)
