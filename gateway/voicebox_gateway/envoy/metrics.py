"""Envoy's statistics for Prometheus on a port of their own, where nothing else of its admin port is reached."""

import json
from collections.abc import Mapping
from typing import Any

from voicebox_kit import hosts

PATH = "/stats/prometheus"
CLUSTER = "admin"
EXTENSIONS = "type.googleapis.com/envoy.extensions"
FILTERS = f"{EXTENSIONS}.filters"


def parts(address: Mapping[str, Any] | None, admin: Mapping[str, Any], *, is_loopback: bool) -> Mapping[str, str]:
    """What stands in envoy.yaml for a listener at `address`; nothing for None. `admin` is the admin port's address.

    At a loopback address a page whose name was made to lead there is refused.
    """
    if address is None:
        return {"metrics_listener": "", "metrics_cluster": ""}
    return {
        "metrics_listener": f"- {json.dumps(_listener(address, is_loopback=is_loopback))}",
        "metrics_cluster": f"- {json.dumps(_cluster(admin))}",
    }


def _listener(address: Mapping[str, Any], *, is_loopback: bool) -> Mapping[str, Any]:
    headers: list[dict[str, Any]] = [{"name": ":method", "string_match": {"exact": "GET"}}]
    if is_loopback:
        headers.append({"name": ":authority", "string_match": {"safe_regex": {"regex": hosts.pattern(())}}})
    route = {"match": {"path": PATH, "headers": headers}, "route": {"cluster": CLUSTER}}
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{FILTERS}.http.router.v3.Router"}}
    manager = {
        "@type": f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": CLUSTER,
        "route_config": {"virtual_hosts": [{"name": CLUSTER, "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": CLUSTER, "address": address, "enable_reuse_port": False, "filter_chains": [chain]}


def _cluster(admin: Mapping[str, Any]) -> Mapping[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": admin}}]}]
    return {
        "name": CLUSTER,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": endpoints},
    }
