"""Serves one service under a second name: another version of an API whose messages are the same on the wire."""

from collections.abc import Mapping
from typing import Any

import grpc


class ServiceAlias:
    """Stands in for a server in generated `add_...Servicer_to_server`, and registers the methods as those of the
    service `name`.
    """

    def __init__(self, server: grpc.aio.Server, name: str) -> None:
        self._server, self._name = server, name

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """The same methods under their own name: not wanted."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Register each method of `service` under the other name."""
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(self._name, dict(handlers)),))
