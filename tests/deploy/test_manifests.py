"""The manifests are valid, restricted, probed, drained, and at one with the services they start."""

import ast
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from kubernetes_validate.utils import all_versions, major_minor

from .conftest import Manifest

PACKAGES = {
    "accounts": "services/accounts/voicebox_accounts",
    "catalog": "services/catalog/voicebox_catalog",
    "tts": "services/tts/voicebox_tts",
    "asr": "services/asr/voicebox_asr",
    "conversion": "services/conversion/voicebox_conversion",
    "jobs": "services/jobs/voicebox_jobs",
    "gateway": "gateway/voicebox_gateway",
}
GRPC = ("accounts", "catalog", "tts", "asr", "conversion", "jobs")
DEVICE = {"tts": "TTS_DEVICE", "asr": "ASR_DEVICE", "conversion": "CONVERSION_DEVICE", "jobs": "JOBS_DEVICES"}
# The longest text of the contract, at a usual 15 characters a second and the slowest speed of 0.25.
LONGEST_STREAM_SECONDS = 10_000 / 15 / 0.25


VERSIONS = [each for each in map(major_minor, all_versions()) if int(each.split(".")[1]) >= 30]
"""Of Kubernetes: from the oldest that has what we use, the native sleep before a stop, to the newest whose schemas are
here.
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_for_kubernetes_and_has_no_unknown_field(manifests: list[Manifest], version: str) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_versions_begin_with_the_oldest_that_we_name(root: Path) -> None:
    assert f"Kubernetes {VERSIONS[0]} or newer" in (root / "deploy/k8s/README.md").read_text()
    assert len(VERSIONS) >= 8


def test_the_check_itself_finds_a_wrong_field(manifests: list[Manifest]) -> None:
    wrong = next(manifest for manifest in manifests if manifest["kind"] == "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**wrong, "spec": {**wrong["spec"], "replica": 1}}, "1.37", strict=True)


def test_every_workload_is_there_and_in_the_namespace(
    manifests: list[Manifest], workloads: dict[str, Manifest]
) -> None:
    assert set(workloads) == set(PACKAGES)
    assert {manifest["metadata"].get("namespace", "voicebox") for manifest in manifests} == {"voicebox"}


def test_every_pod_is_restricted(workloads: dict[str, Manifest]) -> None:
    for workload in workloads.values():
        pod = _pod(workload)
        security = pod["securityContext"]
        assert security["runAsNonRoot"]
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert _container(workload)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_grpc_services_are_probed_by_their_full_proto_names(workloads: dict[str, Manifest], root: Path) -> None:
    descriptors = FileDescriptorSet.FromString((root / "protos/gen/voicebox/descriptors.binpb").read_bytes())
    served = {f"{file.package}.{service.name}" for file in descriptors.file for service in file.service}
    for name in GRPC:
        container = _container(workloads[name])
        port = _port(container, "grpc")
        for probe in ("startupProbe", "readinessProbe"):
            assert container[probe]["grpc"]["port"] == port
            assert container[probe]["grpc"]["service"] in served
            assert container[probe]["grpc"]["service"].startswith(f"voicebox.{name}.")
        assert container["livenessProbe"]["grpc"] == {"port": port}


def test_a_model_may_load_for_half_an_hour_before_liveness_counts(workloads: dict[str, Manifest]) -> None:
    for name in ("tts", "asr", "conversion"):
        probe = _container(workloads[name])["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 1800


def test_the_gateway_stays_ready_when_a_service_behind_it_is_not(workloads: dict[str, Manifest]) -> None:
    container = _container(workloads["gateway"])
    assert all(
        container[probe].keys() & {"tcpSocket", "httpGet"} == {"tcpSocket"}
        for probe in ("readinessProbe", "livenessProbe")
    )


def test_the_drain_is_longer_than_the_longest_stream(
    workloads: dict[str, Manifest], variables: dict[str, dict[str, str]]
) -> None:
    for name, workload in workloads.items():
        grace = float(variables[name]["VOICEBOX_GRACE_SECONDS"])
        sleep = _container(workload)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert grace > LONGEST_STREAM_SECONDS
        assert _pod(workload)["terminationGracePeriodSeconds"] >= sleep + grace + 20


def test_every_variable_is_one_that_the_service_reads(variables: dict[str, dict[str, str]], root: Path) -> None:
    shared = _strings(root / "libs/kit/voicebox_kit") | _strings(root / "libs/models/voicebox_models")
    for name, environment in variables.items():
        assert set(environment) <= _strings(root / PACKAGES[name]) | shared, name


def test_every_peer_that_a_service_calls_is_found_wherever_it_is_deployed(
    variables: dict[str, dict[str, str]], root: Path
) -> None:
    for name, environment in variables.items():
        missing = _peers(name, root) - set(environment)
        assert not missing, f"{name} would look for {sorted(missing)} on its own host"


def test_the_peers_of_a_service_are_read_from_its_settings(root: Path) -> None:
    assert _peers("tts", root) == {"CATALOG_ADDRESS", "ASR_ADDRESS", "ACCOUNTS_ADDRESS"}
    assert _peers("asr", root) == {"CATALOG_ADDRESS", "ACCOUNTS_ADDRESS"}
    assert _peers("conversion", root) == {"CATALOG_ADDRESS", "ACCOUNTS_ADDRESS"}
    assert _peers("accounts", root) == {"CATALOG_ADDRESS", "CONVERSION_ADDRESS", "JOBS_ADDRESS"}
    services = {"CATALOG_ADDRESS", "ASR_ADDRESS", "TTS_ADDRESS", "CONVERSION_ADDRESS", "ACCOUNTS_ADDRESS"}
    assert _peers("jobs", root) == services
    assert _peers("gateway", root) == services | {"JOBS_ADDRESS"}


def test_a_service_listens_on_its_default_port_and_everybody_finds_it_there(
    manifests: list[Manifest], workloads: dict[str, Manifest], variables: dict[str, dict[str, str]], root: Path
) -> None:
    services = {
        manifest["metadata"]["name"]: manifest["spec"] for manifest in manifests if manifest["kind"] == "Service"
    }
    for name, environment in variables.items():
        own = name.upper()
        container = _container(workloads[name])
        for variable, address in environment.items():
            if not variable.endswith("_ADDRESS"):
                continue
            host, _, port = address.partition(":")
            assert f"127.0.0.1:{port}" in _strings(root / PACKAGES[name]), (
                f"{variable} of {name}: {port} is not the default port"
            )
            if variable.startswith(f"{own}_"):
                assert host == "0.0.0.0"
                assert int(port) in [entry["containerPort"] for entry in container["ports"]]
            else:
                assert host == variable.removesuffix("_ADDRESS").lower()
                assert int(port) in [entry["port"] for entry in services[host]["ports"]]


def test_services_select_their_pods_and_name_their_ports(
    manifests: list[Manifest], workloads: dict[str, Manifest]
) -> None:
    for manifest in manifests:
        if manifest["kind"] == "Service":
            template = workloads[manifest["metadata"]["name"]]["spec"]["template"]
            assert manifest["spec"]["selector"].items() <= template["metadata"]["labels"].items()
            for port in manifest["spec"]["ports"]:
                assert _port(template["spec"]["containers"][0], port["targetPort"]) == port["port"]
            assert (manifest["spec"].get("clusterIP") == "None") == (manifest["metadata"]["name"] in GRPC)


def test_prometheus_finds_the_metrics(workloads: dict[str, Manifest]) -> None:
    for name in GRPC:
        annotations = workloads[name]["spec"]["template"]["metadata"]["annotations"]
        assert annotations["prometheus.io/scrape"] == "true"
        assert int(annotations["prometheus.io/port"]) == _port(_container(workloads[name]), "metrics")


def test_budgets_select_their_pods_and_never_block_a_drain(
    manifests: list[Manifest], workloads: dict[str, Manifest]
) -> None:
    budgets = [manifest for manifest in manifests if manifest["kind"] == "PodDisruptionBudget"]
    shared = {"accounts", "catalog"} if _has_shared_stores(workloads["catalog"]) else set()
    assert {budget["metadata"]["name"] for budget in budgets} == {"tts", "asr", "gateway"} | shared
    for budget in budgets:
        assert budget["spec"]["selector"] == workloads[budget["metadata"]["name"]]["spec"]["selector"]
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_what_is_kept_outlives_the_pod_and_has_one_writer(
    manifests: list[Manifest], workloads: dict[str, Manifest], root: Path
) -> None:
    backed_up = any(manifest["kind"] == "CronJob" for manifest in manifests)
    for name in ("accounts", "catalog"):
        assert workloads[name]["spec"]["replicas"] == (2 if _has_shared_stores(workloads[name]) else 1)
    assert workloads["conversion"]["spec"]["replicas"] == workloads["jobs"]["spec"]["replicas"] == 1
    for name, workload in workloads.items():
        claims = {
            claim["metadata"]["name"]: claim["spec"] for claim in workload["spec"].get("volumeClaimTemplates", [])
        }
        mounts = {mount["mountPath"]: mount["name"] for mount in _container(workload)["volumeMounts"]}
        assert "/tmp" in mounts
        keeps = "VOICEBOX_DATA" in _strings(root / PACKAGES[name])
        assert keeps == (mounts.get("/data") in claims), f"{name}: VOICEBOX_DATA is /data in the image"
        # With a backup, which mounts them on the pod's node.
        modes = ["ReadWriteOnce" if backed_up and name not in ("tts", "asr") else "ReadWriteOncePod"]
        assert all(claim["accessModes"] == modes for claim in claims.values())


def test_memory_is_bounded_and_processors_are_not_throttled(workloads: dict[str, Manifest]) -> None:
    for workload in workloads.values():
        resources = _container(workload)["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert "memory" in resources["limits"]
        assert "cpu" not in resources["limits"]


def test_each_gpu_pod_has_one_device_for_itself(render: Callable[[str], list[Manifest]]) -> None:
    manifests = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in render("overlays/gpu")}
    for name in ("tts", "asr"):
        workload = manifests["StatefulSet", name]  # a rollout frees a GPU before it needs one
        assert len(_pod(workload)["containers"]) == 1
        assert _container(workload)["resources"]["limits"]["nvidia.com/gpu"] == "1"
        terms = _pod(workload)["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]
        unshared = {"key": "nvidia.com/gpu.sharing-strategy", "operator": "NotIn", "values": ["time-slicing", "mps"]}
        assert all(unshared in term["matchExpressions"] for term in terms)


COMPONENTS = ("authentication", "gpu", "qwen3", "shared-catalog", "tls", "whisper")


@pytest.mark.parametrize("components", [subset for size in (2, 3) for subset in combinations(COMPONENTS, size)])
def test_components_mean_the_same_in_every_order(
    components: tuple[str, ...], rendered_with: Callable[[Sequence[str]], list[Manifest]]
) -> None:
    first, *others = (sorted(rendered_with(order), key=_kind_and_name) for order in permutations(components))
    for other in others:
        assert _mean_the_same(first, other)


MORE = ("backup", "gpu-mig", "gpu-mps", "kueue", "model-cache", "rvc")
ONLY_ADD = ("autoscaling", "backup-shared", "gateway-api", "kueue", "network-policies", "rvc", "shared-prompts")
REFUSED = [*combinations(("gpu", "gpu-mig", "gpu-mps"), 2), ("backup", "backup-shared")]
"""A GPU is shared in one way; of the last, one is a part of the other."""
HAVE_MODELS = ("qwen3", "whisper", "rvc")


@pytest.mark.parametrize(("one", "other"), [pair for pair in product(MORE, COMPONENTS) if pair[::-1] not in REFUSED])
def test_two_components_mean_the_same_in_both_orders(
    one: str, other: str, rendered_with: Callable[[Sequence[str]], list[Manifest]]
) -> None:
    if one == "model-cache" and other in HAVE_MODELS:
        return  # below
    there, back = (_rendered(order, rendered_with) for order in ((other, one), (one, other)))
    assert there is not None
    assert back is not None
    assert _mean_the_same(there, back)


@pytest.mark.parametrize("pair", REFUSED)
def test_components_that_exclude_each_other_are_refused_in_both_orders(
    pair: tuple[str, str], rendered_with: Callable[[Sequence[str]], list[Manifest]]
) -> None:
    assert _rendered(pair, rendered_with) is _rendered(pair[::-1], rendered_with) is None


@pytest.mark.parametrize("models", HAVE_MODELS)
def test_a_cache_that_stands_before_a_model_is_refused(
    models: str, rendered_with: Callable[[Sequence[str]], list[Manifest]]
) -> None:
    assert _rendered(("model-cache", models), rendered_with) is None
    assert _rendered((models, "model-cache"), rendered_with) is not None


def _rendered(order: Sequence[str], rendered_with: Callable[[Sequence[str]], list[Manifest]]) -> list[Manifest] | None:
    """In an order of its own; None where nothing is rendered."""
    try:
        return sorted(rendered_with(order), key=_kind_and_name)
    except pytest.fail.Exception:
        return None


def test_all_components_mean_the_same_in_reverse(rendered_with: Callable[[Sequence[str]], list[Manifest]]) -> None:
    components = (*COMPONENTS, *ONLY_ADD)
    there, back = (
        sorted(rendered_with(order), key=_kind_and_name) for order in (components, tuple(reversed(components)))
    )
    assert _mean_the_same(there, back)


def test_a_hung_pod_ends_soon(workloads: dict[str, Manifest]) -> None:
    """What a probe ends has nothing to finish, and must not hold its GPU for the longest stream."""
    for workload in workloads.values():
        for probe in ("startupProbe", "livenessProbe"):
            assert _container(workload)[probe]["terminationGracePeriodSeconds"] <= 60


def test_devices_are_named_where_there_is_a_gpu_and_only_there(
    workloads: dict[str, Manifest], variables: dict[str, dict[str, str]]
) -> None:
    for name, workload in workloads.items():
        devices = [each for each in _container(workload)["resources"]["limits"] if each.startswith("nvidia.com/")]
        named = {variable: value for variable, value in variables[name].items() if variable.endswith("_DEVICE")}
        named |= {variable: value for variable, value in variables[name].items() if variable == "JOBS_DEVICES"}
        assert len(devices) <= 1
        assert named == ({DEVICE[name]: "cuda:0"} if devices else {})


def test_whisper_on_a_gpu_has_the_image_with_cublas(workloads: dict[str, Manifest]) -> None:
    pod = _pod(workloads["asr"])
    has_gpu = any(each.startswith("nvidia.com/") for each in pod["containers"][0]["resources"]["limits"])
    images = {each["image"] for each in (*pod["containers"], *pod.get("initContainers", ()))}
    assert {image.endswith("-cuda") for image in images} == {has_gpu}


def test_the_production_overlay_keeps_nothing_in_a_pod_and_checks_its_models_first(
    render: Callable[[str], list[Manifest]],
) -> None:
    manifests = {
        (manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in render("overlays/production")
    }
    assert {"secretRef": {"name": "catalog-stores"}} in _container(manifests["StatefulSet", "catalog"])["envFrom"]
    for name in ("tts", "asr"):
        pod = _pod(manifests["StatefulSet", name])
        [fetch] = pod["initContainers"]
        assert fetch["image"] == pod["containers"][0]["image"]
        assert fetch["securityContext"] == pod["containers"][0]["securityContext"]
        models = {"name": "models", "mountPath": "/models", "readOnly": True}
        assert models in fetch["volumeMounts"]
        assert models in pod["containers"][0]["volumeMounts"]


def test_production_on_processors_runs_engines_whose_models_are_in_the_images(
    render: Callable[[str], list[Manifest]],
) -> None:
    manifests = render("overlays/production-cpu")
    settings = {name: value for each in _of_kind(manifests, "ConfigMap") for name, value in each["data"].items()}
    engines = {name: settings[name] for name in settings if name.endswith("_ENGINE")}
    assert engines == {"TTS_ENGINE": "hibari", "ASR_ENGINE": "whisper", "CONVERSION_ENGINE": "world"}
    assert settings["VOICEBOX_OFFLINE"] == "1"
    assert not {"TTS_MODEL", "ASR_MODEL"} & set(settings)
    assert not any("initContainers" in _pod(each) for each in _of_kind(manifests, "StatefulSet"))
    assert _has_shared_stores(next(e for e in _of_kind(manifests, "StatefulSet") if e["metadata"]["name"] == "catalog"))


def test_no_claim_is_there_for_nothing(manifests: list[Manifest], workloads: dict[str, Manifest]) -> None:
    """Each is mounted, and those of services on PostgreSQL and S3 have room for the audit alone."""
    pods = [*map(_pod, workloads.values()), *(_pod(job) for job in _jobs(manifests))]
    mounted = {
        each["persistentVolumeClaim"]["claimName"]
        for pod in pods
        for each in pod["volumes"]
        if "persistentVolumeClaim" in each
    }
    claims = {each["metadata"]["name"] for each in _of_kind(manifests, "PersistentVolumeClaim")}
    of_pods = {f"data-{name}-0" for name in workloads}
    assert claims == mounted - of_pods
    for pod in pods:
        used = {
            mount["name"]
            for container in (*pod["containers"], *pod.get("initContainers", ()))
            for mount in container["volumeMounts"]
        }
        assert {each["name"] for each in pod["volumes"]} <= used
    if _has_shared_stores(workloads["catalog"]):
        for name in ("accounts", "catalog"):
            [claim] = workloads[name]["spec"]["volumeClaimTemplates"]
            assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_pods_that_run_beside_the_services_are_as_restricted(
    manifests: list[Manifest], workloads: dict[str, Manifest]
) -> None:
    for job in _jobs(manifests):
        pod = _pod(job)
        assert pod["securityContext"] == _pod(workloads["catalog"])["securityContext"]
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        assert pod["priorityClassName"] == "voicebox-background"
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert container["securityContext"] == _container(workloads["catalog"])["securityContext"]
            assert "memory" in container["resources"]["limits"]


def test_pods_are_spread_prioritised_and_replaced_slowly(
    manifests: list[Manifest], workloads: dict[str, Manifest]
) -> None:
    priorities = {each["metadata"]["name"]: each for each in _of_kind(manifests, "PriorityClass")}
    serving, background = priorities["voicebox-serving"], priorities["voicebox-background"]
    assert serving["value"] > background["value"]
    assert background["preemptionPolicy"] == "Never"
    for workload in workloads.values():
        assert workload["spec"]["minReadySeconds"] >= 10
        assert _pod(workload)["priorityClassName"] == "voicebox-serving"
        labels = workload["spec"]["template"]["metadata"]["labels"]
        spread = _pod(workload)["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        for each in spread:
            assert each["whenUnsatisfiable"] == "ScheduleAnyway"
            assert each["labelSelector"]["matchLabels"].items() <= labels.items()
            assert each["matchLabelKeys"] == ["app.kubernetes.io/name"]
            assert not set(each["matchLabelKeys"]) & set(each["labelSelector"]["matchLabels"])


def test_conversion_has_a_gpu_and_its_encoder_with_the_component_rvc(
    rendered_with: Callable[[Sequence[str]], list[Manifest]],
) -> None:
    manifests = rendered_with(["rvc"])
    workload = next(each for each in _of_kind(manifests, "StatefulSet") if each["metadata"]["name"] == "conversion")
    kubernetes_validate.validate(workload, "1.37", strict=True)
    assert _container(workload)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert _container(workload)["image"].endswith("-rvc")
    [fetch] = _pod(workload)["initContainers"]
    assert fetch["image"] == _container(workload)["image"]
    assert fetch["command"][-1] == "models/rvc/contentvec"
    assert any(each["data"].get("CONVERSION_DEVICE") == "cuda:0" for each in _of_kind(manifests, "ConfigMap"))


def test_with_kueue_trainings_have_pods_of_their_own(
    rendered_with: Callable[[Sequence[str]], list[Manifest]], root: Path
) -> None:
    manifests = rendered_with(["authentication", "kueue", "tls"])
    [cron] = _of_kind(manifests, "CronJob")
    kubernetes_validate.validate(cron, "1.37", strict=True)
    assert cron["spec"]["suspend"]
    assert cron["metadata"]["name"] in _strings(root / PACKAGES["jobs"])
    job = cron["spec"]["jobTemplate"]
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "voicebox"
    service = next(each for each in _of_kind(manifests, "StatefulSet") if each["metadata"]["name"] == "jobs")
    pod, container = _pod(job), _container(job)
    assert container["image"] == _container(service)["image"]
    assert container["securityContext"] == _container(service)["securityContext"]
    assert pod["securityContext"] == _pod(service)["securityContext"]
    assert container["envFrom"] == _container(service)["envFrom"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    settings = next(each["data"] for each in _of_kind(manifests, "ConfigMap") if "JOBS_RUNNER" in each["data"])
    assert (settings["JOBS_RUNNER"], settings["JOBS_DEVICES"]) == ("kubernetes", "cuda:0")
    assert set(settings) <= _strings(root / PACKAGES["jobs"]) | _strings(root / "libs/kit/voicebox_kit")
    secrets = {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    assert secrets == {each["secret"]["secretName"] for each in _pod(service)["volumes"] if "secret" in each}


def test_trainings_may_call_what_jobs_calls(rendered_with: Callable[[Sequence[str]], list[Manifest]]) -> None:
    policies = _of_kind(rendered_with(["kueue", "network-policies"]), "NetworkPolicy")
    for policy in policies:
        kubernetes_validate.validate(policy, "1.37", strict=True)
    egress = {each["metadata"]["name"]: each["spec"].get("egress", []) for each in policies}
    assert [each for each in egress["jobs"] if each not in egress["jobs-training"]] == []
    [called] = [each["spec"] for each in policies if each["metadata"]["name"] == "called-by-trainings"]
    targets = [each["to"][0]["podSelector"]["matchLabels"] for each in egress["jobs"]]
    assert called["podSelector"]["matchExpressions"][0]["values"] == [
        each["app.kubernetes.io/name"] for each in targets
    ]
    [rule] = called["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "jobs-training"}}}]


def test_jobs_may_do_nothing_in_the_cluster_but_run_trainings(
    rendered_with: Callable[[Sequence[str]], list[Manifest]],
) -> None:
    manifests = rendered_with(["kueue"])
    [role], [binding] = _of_kind(manifests, "Role"), _of_kind(manifests, "RoleBinding")
    assert role["rules"] == [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": ["batch"], "resources": ["cronjobs"], "resourceNames": ["jobs-training"], "verbs": ["get"]},
    ]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "jobs", "namespace": "voicebox"}]
    assert not _of_kind(manifests, "ClusterRole")
    [cron] = _of_kind(manifests, "CronJob")
    for workload in (*_of_kind(manifests, "StatefulSet"), *_of_kind(manifests, "Deployment")):
        assert _pod(workload)["automountServiceAccountToken"] is (workload["metadata"]["name"] == "jobs")
    assert _pod(cron["spec"]["jobTemplate"])["automountServiceAccountToken"] is False


def test_with_tls_every_part_has_its_certificate_and_is_probed_without_it(
    rendered_with: Callable[[Sequence[str]], list[Manifest]],
) -> None:
    manifests = rendered_with(["authentication", "tls"])
    names = {each["spec"]["secretName"]: each["spec"].get("dnsNames") for each in _of_kind(manifests, "Certificate")}
    variables = next(each["data"] for each in _of_kind(manifests, "ConfigMap") if "LOG_FORMAT" in each["data"])
    for workload in (*_of_kind(manifests, "Deployment"), *_of_kind(manifests, "StatefulSet")):
        kubernetes_validate.validate(workload, "1.37", strict=True)
        name, container = workload["metadata"]["name"], _container(workload)
        (secret,) = (each["secret"] for each in _pod(workload)["volumes"] if each["name"] == "tls")
        assert names[secret["secretName"]] == [name]
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert mounts["tls"] == variables["VOICEBOX_TLS_FOLDER"]
        probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
        if name in GRPC:
            assert {f"0.0.0.0:{probe['grpc']['port']}" for probe in probes} == {variables["VOICEBOX_HEALTH_ADDRESS"]}


def _of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def _jobs(manifests: list[Manifest]) -> list[Manifest]:
    """What has a template of pods beside the services: Jobs, and those that CronJobs make."""
    made = [each["spec"]["jobTemplate"] for each in _of_kind(manifests, "CronJob")]
    return [*_of_kind(manifests, "Job"), *made]


def _has_shared_stores(catalog: Manifest) -> bool:
    """Whether it is on PostgreSQL and S3, which a Secret names, and not on SQLite and a folder."""
    return any("secretRef" in source for source in _container(catalog)["envFrom"])


def _pod(workload: Manifest) -> Manifest:
    pod: Manifest = workload["spec"]["template"]["spec"]
    return pod


def _container(workload: Manifest) -> Manifest:
    container: Manifest = _pod(workload)["containers"][0]
    return container


def _port(container: Manifest, name: str) -> int:
    return next(int(port["containerPort"]) for port in container["ports"] if port["name"] == name)


def _peers(name: str, root: Path) -> set[str]:
    """The variables by which a service finds other services."""
    read = {each for path in (root / PACKAGES[name]).rglob("settings.py") for each in _strings_in(path)}
    return read & {f"{other.upper()}_ADDRESS" for other in PACKAGES if other != name}


@cache
def _strings(package: Path) -> set[str]:
    """Every string constant in a package's code: variables and their defaults are among them."""
    return {text for path in package.rglob("*.py") for text in _strings_in(path)}


@cache
def _strings_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _kind_and_name(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def _mean_the_same(one: list[Manifest], other: list[Manifest]) -> bool:
    return len(one) == len(other) and all(
        mine == its or _without_order(mine) == _without_order(its) for mine, its in zip(one, other, strict=True)
    )


def _without_order(value: Any) -> Any:
    """Lists of named things, such as volumes, by their names; the hash in a ConfigMap's name depends on it too."""
    if isinstance(value, dict):
        return {key: _without_order(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((_without_order(each) for each in value), key=repr)
    return value
