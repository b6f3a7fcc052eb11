"""Network policies are the addresses that services are given, and the Gateway API leads to the gateway."""

from collections.abc import Callable, Sequence

import kubernetes_validate
import pytest

from .conftest import Manifest

NAME = "app.kubernetes.io/name"
PORTS = {"tts": 50051, "asr": 50052, "catalog": 50053, "accounts": 50055, "jobs": 50056, "conversion": 50057}
Rendered = Callable[[Sequence[str]], list[Manifest]]
Arrows = set[tuple[str, str]]


def of_kind(manifests: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] in kinds}


def addressed(manifests: list[Manifest]) -> Arrows:
    """Caller and called, by the variables X_ADDRESS and X_REPLICAS that each workload is given."""
    maps = of_kind(manifests, "ConfigMap")
    return {
        (name, variable.removesuffix("_ADDRESS").removesuffix("_REPLICAS").lower())
        for name, workload in of_kind(manifests, "Deployment", "StatefulSet").items()
        for source in workload["spec"]["template"]["spec"]["containers"][0]["envFrom"]
        for variable, value in maps[source["configMapRef"]["name"]]["data"].items()
        if variable.endswith(("_ADDRESS", "_REPLICAS")) and not value.startswith("0.0.0.0:")
    }


def selected(selector: Manifest) -> str:
    return str(selector["matchLabels"][NAME])


@pytest.fixture
def policies(rendered_with: Rendered) -> dict[str, Manifest]:
    return of_kind(rendered_with(["network-policies"]), "NetworkPolicy")


def test_calls_leave_and_come_in_by_exactly_the_arrows_of_the_architecture(
    policies: dict[str, Manifest], rendered_with: Rendered
) -> None:
    leave: Arrows = set()
    come: Arrows = set()
    for name in (*PORTS, "gateway"):
        spec = policies[name]["spec"]
        assert selected(spec["podSelector"]) == name
        for rule in spec["egress"]:
            [to], [port] = rule["to"], rule["ports"]
            called = selected(to["podSelector"])
            assert port == {"protocol": "TCP", "port": PORTS[called]}
            leave.add((name, called))
        if name != "gateway":
            [rule] = spec["ingress"]
            assert rule["ports"] == [{"protocol": "TCP", "port": "grpc"}]
            come |= {(selected(each["podSelector"]), name) for each in rule["from"]}
    assert leave == come == addressed(rendered_with([]))


def test_all_else_is_refused(policies: dict[str, Manifest]) -> None:
    for policy in policies.values():
        kubernetes_validate.validate(policy, "1.37", strict=True)
    deny = policies["deny-all"]["spec"]
    assert deny == {"podSelector": deny["podSelector"], "policyTypes": ["Ingress", "Egress"]}
    assert NAME not in deny["podSelector"].get("matchLabels", {})
    open_to_all = [
        name for name, policy in policies.items() for rule in policy["spec"].get("ingress", ()) if "from" not in rule
    ]
    assert open_to_all == ["gateway"]


def test_the_gateway_api_leads_to_the_gateway_by_names_that_it_answers(rendered_with: Rendered) -> None:
    manifests = rendered_with(["gateway-api"])
    routes = of_kind(manifests, "HTTPRoute", "GRPCRoute")
    service, listener = of_kind(manifests, "Service")["gateway"], of_kind(manifests, "Gateway")["voicebox"]
    answered = next(
        each["data"]["GATEWAY_HOSTS"].split(",")
        for each in of_kind(manifests, "ConfigMap").values()
        if "GATEWAY_HOSTS" in each["data"]
    )
    assert {each["kind"] for each in routes.values()} == {"HTTPRoute", "GRPCRoute"}
    hosts = [host for route in routes.values() for host in route["spec"]["hostnames"]]
    assert len(set(hosts)) == len(hosts), "a host name belongs to one kind of routes"
    assert set(hosts) <= set(answered)
    for route in routes.values():
        [parent], [rule] = route["spec"]["parentRefs"], route["spec"]["rules"]
        assert parent["name"] == "voicebox"
        assert parent["sectionName"] in [each["name"] for each in listener["spec"]["listeners"]]
        assert rule["backendRefs"] == [{"name": "gateway", "port": service["spec"]["ports"][0]["port"]}]
