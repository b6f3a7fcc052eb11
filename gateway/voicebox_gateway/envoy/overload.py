"""What Envoy does when its memory runs out: it refuses new calls, and the running ones go on.

https://www.envoyproxy.io/docs/envoy/latest/configuration/operations/overload_manager/overload_manager
"""

import json
from collections.abc import Mapping

MONITOR = "envoy.resource_monitors.fixed_heap"
CONFIG = "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
ACTIONS = {"envoy.overload_actions.shrink_heap": 0.9, "envoy.overload_actions.stop_accepting_requests": 0.95}
"""At which share of the heap's limit each begins."""


def parts(max_heap_bytes: int) -> Mapping[str, str]:
    """What stands in envoy.yaml for a limit of the heap, in bytes; nothing for 0."""
    if not max_heap_bytes:
        return {"heap_monitor": "", "overload_actions": ""}
    monitor = {"name": MONITOR, "typed_config": {"@type": CONFIG, "max_heap_size_bytes": max_heap_bytes}}
    actions = [
        {"name": name, "triggers": [{"name": MONITOR, "threshold": {"value": share}}]}
        for name, share in ACTIONS.items()
    ]
    return {"heap_monitor": f"- {json.dumps(monitor)}", "overload_actions": f"actions: {json.dumps(actions)}"}
