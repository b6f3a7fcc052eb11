"""The OpenAPI document as a page of plain HTML, which needs no script and nothing from elsewhere.

Links lead into the closed details, not to them: a browser then opens them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from .schemas import Json

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }
pre { overflow-x: auto; padding: .5rem; background: color-mix(in srgb, currentColor 8%, transparent) }
code, pre { font: 14px/1.5 ui-monospace, monospace }
summary { cursor: pointer; padding: .2rem 0 }
details > :not(summary) { margin-left: 1.5rem }
table { border-collapse: collapse }
td { padding: .15rem 1rem .15rem 0; vertical-align: top }
.verb { display: inline-block; width: 4.5rem; font-weight: bold }
"""


def render(document: Json) -> str:
    """The page: operations by their tag, then the schemas."""
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    index = " · ".join(
        f'<a href="#{each}">{each}</a>' for each in (*(escape(tag["name"]) for tag in document["tags"]), "Schemas")
    )
    body = [
        f'<h1>{title}</h1><p>{_prose(info["description"])} <a href="/openapi.json">openapi.json</a></p><p>{index}</p>'
    ]
    for tag in document["tags"]:
        name = escape(tag["name"])
        body += [f'<h2 id="{name}">{name}</h2><p>{_prose(tag["description"])}</p>', *_operations(document, tag["name"])]
    body += [
        '<h2 id="Schemas">Schemas</h2>',
        *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
    ]
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{meta}<title>{title}</title><style>{STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>'


def _operations(document: Json, tag: str) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            if tag in operation["tags"]:
                yield _operation(verb, path, operation)


def _operation(verb: str, path: str, operation: Json) -> str:
    heading = f'<span class="verb">{verb.upper()}</span><code>{escape(path)}</code> {_prose(operation["summary"])}'
    parts = [f'<p id="{operation["operationId"]}">{_prose(operation.get("description", ""))}</p>']
    parts += [f"<pre>{escape(sample['source'])}</pre>" for sample in operation.get("x-codeSamples", ())]
    rows = [
        _row(
            each["name"],
            f"{each['in']}, {_kind(each['schema'])}",
            each.get("description", ""),
            is_required=each.get("required", False),
        )
        for each in operation.get("parameters", ())
    ]
    if rows:
        parts.append(f"<table>{''.join(rows)}</table>")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: <code>{escape(kind)}</code></p>{_properties(content['schema'])}")
    for status, answer in operation["responses"].items():
        kinds = ", ".join(
            f"{escape(kind)}: {_kind(content['schema'])}" for kind, content in answer.get("content", {}).items()
        )
        parts.append(f"<p>{escape(status)}: {_prose(answer['description'])} {kinds}</p>")
    return f"<details><summary>{heading}</summary>{''.join(parts)}</details>"


def _schema(name: str, schema: Json) -> str:
    description = _prose(schema.get("description", ""))
    summary = f"<summary><code>{escape(name)}</code></summary>"
    return f'<details>{summary}<p id="{escape(name)}">{description}</p>{_properties(schema)}</details>'


def _properties(schema: Json) -> str:
    if "properties" not in schema:
        return f"<p>{_kind(schema)}</p>"
    required = schema.get("required", ())
    rows = [
        _row(name, _kind(each), each.get("description", ""), is_required=name in required)
        for name, each in schema["properties"].items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _row(name: str, kind: str, comment: str, *, is_required: bool) -> str:
    mark = " *" if is_required else ""
    return f"<tr><td><code>{escape(name)}</code>{mark}</td><td>{kind}</td><td>{_prose(comment)}</td></tr>"


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in HTML, with a link to its schema."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}"><code>{name}</code></a>'
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_kind(schema['additionalProperties'])}"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    kind = schema.get("type", json.dumps(schema.get("const", "anything")))
    return escape(kind if isinstance(kind, str) else " or ".join(kind))


def _prose(text: str) -> str:
    """Markdown's backquotes and line breaks, the only ones that comments use."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)).replace("\n", "<br>")
