"""A stand-in for Kubernetes' API: Jobs by their names, and one CronJob to make them from. It runs no pod."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

JOBS = "/apis/batch/v1/namespaces/speech/jobs"
CRON = "/apis/batch/v1/namespaces/speech/cronjobs/jobs-training"
CONTAINER = {"name": "training", "image": "voicebox-jobs", "env": [{"name": "LOG_FORMAT", "value": "json"}]}
TEMPLATE = {
    "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "voicebox"}},
    "spec": {"backoffLimit": 3, "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}},
}


class FakeCluster:
    """`jobs` are those that exist; `created` the names of all that ever did. An answer to POST waits for `answers`."""

    def __init__(self, folder: Path) -> None:
        self.jobs: dict[str, Any] = {}
        self.created: list[str] = []
        self.tokens: set[str] = set()
        self.answers = threading.Event()
        self.answers.set()
        self.account = folder
        folder.mkdir()
        for name, content in (("token", "secret"), ("namespace", "speech")):
            (folder / name).write_text(content)

    def only(self, name: str) -> str:
        """What a Job's container is told by JOBS_ONLY."""
        [container] = self.jobs[name]["spec"]["template"]["spec"]["containers"]
        return next(str(each["value"]) for each in container["env"] if each["name"] == "JOBS_ONLY")

    def fail(self, name: str, message: str) -> None:
        """Its pods failed too often."""
        condition = {"type": "Failed", "status": "True", "message": message}
        self.jobs[name]["status"] = {"conditions": [condition]}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and the body of an answer."""
        if path == CRON:
            return 200, {"spec": {"jobTemplate": TEMPLATE}}
        name = body["metadata"]["name"] if method == "POST" else path.removeprefix(f"{JOBS}/")
        if method == "POST":
            if name in self.jobs:
                return 409, {}
            self.jobs[name] = body
            self.created.append(name)
            self.answers.wait()
            return 201, body
        if name not in self.jobs:
            return 404, {}
        return 200, self.jobs.pop(name) if method == "DELETE" else self.jobs[name]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address."""
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                cluster.tokens.add(self.headers["authorization"])
                content = self.rfile.read(int(self.headers["content-length"] or 0))
                status, body = cluster.answer(self.command, self.path, json.loads(content) if content else None)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_DELETE(self) -> None:
                self.answer()

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:  # the dispatcher was killed
                    self.close_connection = True

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.answers.set()
            server.shutdown()
            thread.join()
            server.server_close()
