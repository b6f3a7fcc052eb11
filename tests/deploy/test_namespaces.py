"""Everything is in the namespace, whichever components an overlay takes."""

from collections.abc import Callable, Sequence

import pytest

from .conftest import ROOT, Manifest

COMPONENTS = sorted(path.name for path in (ROOT / "deploy/k8s/components").iterdir())


def outside(manifests: list[Manifest]) -> list[tuple[str, str]]:
    return [
        (each["kind"], each["metadata"]["name"])
        for each in manifests
        if each["metadata"].get("namespace") != "voicebox" and each["kind"] not in ("Namespace", "PriorityClass")
    ]


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_put_nothing_elsewhere(
    component: str, rendered_with: Callable[[Sequence[str]], list[Manifest]]
) -> None:
    assert outside(rendered_with([component])) == []


def test_overlays_put_nothing_elsewhere(manifests: list[Manifest]) -> None:
    assert outside(manifests) == []
