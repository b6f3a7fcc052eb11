"""Envoy's part of authentication: keys are taken out of paths, and accounts decides about each request."""

import json
from collections.abc import Mapping
from typing import Any

PREFIX = "type.googleapis.com/envoy.extensions.filters.http."
NAME = "envoy.filters.http.ext_authz"
CHECK_SECONDS = 2.0


def filters(take_keys: str, *, is_on: bool) -> Mapping[str, str]:
    """What stands in envoy.yaml for authentication, nothing where it is off. `take_keys` is a script in Lua."""
    if not is_on:
        return dict.fromkeys(("take_keys", "ext_authz", "open_to_all", "open_route", "and_accounts"), "")
    script = {"@type": f"{PREFIX}lua.v3.Lua", "default_source_code": {"inline_string": take_keys}}
    open_to_all = f'{NAME}: {{"@type": {PREFIX}ext_authz.v3.ExtAuthzPerRoute, disabled: true}}'
    return {
        "take_keys": f"- {json.dumps({'name': 'voicebox.take_keys', 'typed_config': script})}",
        "ext_authz": f"- {json.dumps({'name': NAME, 'typed_config': _authorization()})}",
        "open_to_all": open_to_all,
        "open_route": f"typed_per_filter_config: {{{open_to_all}}}",
        "and_accounts": ', "accounts"',
    }


def _authorization() -> dict[str, Any]:
    """After the transcoders, where HTTP and gRPC have one name for a method. Without an answer nobody gets in."""
    return {
        "@type": f"{PREFIX}ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "grpc_service": {"envoy_grpc": {"cluster_name": "accounts"}, "timeout": f"{CHECK_SECONDS:g}s"},
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "validate_mutations": True,
    }
