"""The part of Kubernetes' API that jobs need: Jobs of our own namespace, made from a CronJob that never runs itself."""

import asyncio
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from voicebox_kit.errors import Unavailable

from voicebox_jobs.cluster import Cluster

TIMEOUT_SECONDS = 10.0
CREATED_BEFORE = 409
ABSENT = 404


class Phase(Enum):
    """How far a Job of Kubernetes is."""

    ABSENT = "It is not there."
    SUSPENDED = "waits for its turn in the cluster"
    WAITING = "waits for a pod"
    RUNNING = "has a pod"
    ENDED = "Its pods have ended."


@dataclass(frozen=True)
class Seen:
    """A Job of Kubernetes, and, where it has ended, why."""

    phase: Phase
    message: str = ""


class PodJobs:
    """The Jobs. All methods raise Unavailable("KUBERNETES") when the API does not do what it is asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def create(self, name: str, env: Mapping[str, str]) -> None:
        """Create the Job of this name, whose container has these variables beside its own; once, however often it is
        called.
        """
        cron = await self._call("GET", f"apis/batch/v1/namespaces/{{}}/cronjobs/{self._cluster.template}")
        if cron is None:
            raise Unavailable("KUBERNETES", f"There is no CronJob {self._cluster.template}.")
        with _unavailable_when_malformed():
            job = _job(cron["spec"]["jobTemplate"], name, env)
        await self._call("POST", "apis/batch/v1/namespaces/{}/jobs", job)

    async def see(self, name: str) -> Seen:
        """The Job of this name as it is now."""
        job = await self._call("GET", f"apis/batch/v1/namespaces/{{}}/jobs/{name}")
        with _unavailable_when_malformed():
            return Seen(Phase.ABSENT) if job is None else _seen(job)

    async def delete(self, name: str) -> None:
        """Delete it with its pods, if it is there."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        await self._call("DELETE", f"apis/batch/v1/namespaces/{{}}/jobs/{name}", body)

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any] | None:
        """The answer; None for what is not there, or is there already."""
        return await asyncio.to_thread(self._answer, method, path, body)

    def _answer(self, method: str, path: str, body: object) -> dict[str, Any] | None:
        account = self._cluster.account
        try:
            # Read each time: Kubernetes renews the token.
            token, namespace = ((account / name).read_text().strip() for name in ("token", "namespace"))
            request = urllib.request.Request(  # noqa: S310 - the settings allow http and https alone
                f"{self._cluster.url}/{path.format(namespace)}",
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            )
            with self._opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code == (CREATED_BEFORE if method == "POST" else ABSENT):
                    return None
                raise Unavailable("KUBERNETES", f"Kubernetes answers {error.code} to {method} {path}.") from error
        except (OSError, ValueError) as error:
            raise Unavailable("KUBERNETES", f"Kubernetes does not answer: {error}.") from error

    def _opener(self) -> urllib.request.OpenerDirector:
        """It uses no proxy, and believes the cluster's own authority alone."""
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._cluster.url.startswith("https:"):
            authority = ssl.create_default_context(cafile=self._cluster.account / "ca.crt")
            handlers.append(urllib.request.HTTPSHandler(context=authority))
        return urllib.request.build_opener(*handlers)


@contextmanager
def _unavailable_when_malformed() -> Iterator[None]:
    """What is read in the block may be no answer of Kubernetes, such as that of a proxy: the run is not lost for it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unavailable("KUBERNETES", f"Kubernetes answers in another form: {error!r:.200}.") from error


def _job(template: Mapping[str, Any], name: str, env: Mapping[str, str]) -> Mapping[str, Any]:
    """The Job that a template makes, of this name."""
    pod = template["spec"]["template"]
    first, *others = pod["spec"]["containers"]
    given = [each for each in first.get("env", []) if each["name"] not in env]
    named = {**first, "env": [*given, *({"name": key, "value": value} for key, value in env.items())]}
    spec = {**template["spec"], "template": {**pod, "spec": {**pod["spec"], "containers": [named, *others]}}}
    metadata = {**template.get("metadata", {}), "name": name}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _seen(job: Mapping[str, Any]) -> Seen:
    status = job.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return Seen(Phase.ENDED, str(condition.get("message") or condition.get("reason") or condition["type"]))
    if job["spec"].get("suspend"):
        return Seen(Phase.SUSPENDED)
    return Seen(Phase.RUNNING if status.get("ready") else Phase.WAITING)
