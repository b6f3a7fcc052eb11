"""`voicebox models`: what the engines run on."""

from typing import get_args

import click
from voicebox.models.v1 import models_pb2

from voicebox_client.client import Client
from voicebox_client.connection import ModelHost
from voicebox_client.output import as_json, print_fields, print_json, print_table
from voicebox_client.session import CommandSession, pass_session, progress, working

HOSTS: tuple[ModelHost, ...] = get_args(ModelHost)
USUAL_HOSTS: tuple[ModelHost, ...] = ("tts", "asr")
ACTIONS = ("list", "load", "unload", "download")
MAX_LANGUAGES = 6
BAR_CHARACTERS = 30


@click.command("models")
@click.argument("words", nargs=-1, metavar="[tts|asr|conversion] [list|load|unload|download] [MODEL]")
@pass_session
def command(session: CommandSession, words: tuple[str, ...]) -> None:
    """List, load, unload and download models.

    Without a service, lists the models of tts and asr. MODEL is a name as the list shows it.
    """
    hosts, action, names = _parsed(words)
    with session.client() as client:
        if action == "list":
            _list(session, client, hosts)
        else:
            _change(session, client, hosts[0], action, names[0])


def _parsed(words: tuple[str, ...]) -> tuple[tuple[ModelHost, ...], str, tuple[str, ...]]:
    """The services, the action and the model that the words name."""
    hosts, rest = USUAL_HOSTS, words
    if rest and rest[0] in HOSTS:
        hosts, rest = (rest[0],), rest[1:]
    action, names = (rest[0], rest[1:]) if rest else ("list", ())
    if action not in ACTIONS:
        raise click.UsageError(f"{action!r} is none of {', '.join((*HOSTS, *ACTIONS))}.")
    if len(names) != (action != "list"):
        raise click.UsageError("Name one model." if action != "list" else "A list takes no model.")
    if action != "list" and len(hosts) != 1:
        raise click.UsageError("Say whose model it is: tts, asr or conversion.")
    return hosts, action, names


def _list(session: CommandSession, client: Client, hosts: tuple[ModelHost, ...]) -> None:
    models = {host: client.list_models(host) for host in hosts}
    if session.json:
        print_json({host: [as_json(model) for model in found] for host, found in models.items()})
    else:
        rows = [_row(host, model) for host, found in models.items() for model in found]
        print_table(("SERVICE", "NAME", "STATE", "DEVICE", "MEMORY", "LICENCE", "LANGUAGES", "DEFAULT"), rows)


def _row(host: str, model: models_pb2.Model) -> tuple[str, ...]:
    default = "default" if model.is_default else ""
    return (
        host,
        model.name,
        _state(model),
        model.device,
        _size(model.memory_bytes),
        model.licence,
        _languages(model),
        default,
    )


def _languages(model: models_pb2.Model) -> str:
    """A few languages by name, many by their number."""
    count = len(model.languages)
    return ", ".join(model.languages) if count <= MAX_LANGUAGES else f"{count} languages"


def _size(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _bar(step: models_pb2.DownloadModelResponse) -> str:
    """How far a download is; only a sentence while its size is not known."""
    if not step.bytes_total:
        return f"{step.model.name}  asking the hub"
    share = step.bytes_done / step.bytes_total
    bar = "#" * int(share * BAR_CHARACTERS)
    return f"{step.model.name}  [{bar:.<{BAR_CHARACTERS}}] {share:4.0%} of {_size(step.bytes_total)}"


def _state(model: models_pb2.Model) -> str:
    return models_pb2.ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower()


def _change(session: CommandSession, client: Client, host: ModelHost, action: str, name: str) -> None:
    if action == "download":
        _download(session, client, host, name)
        return
    with working(f"{action.capitalize()}ing {name}"):
        model = client.load_model(host, name) if action == "load" else client.unload_model(host, name)
    if session.json:
        print_json(as_json(model))
    else:
        print_fields(model)


def _download(session: CommandSession, client: Client, host: ModelHost, name: str) -> None:
    """Prints the progress, and raises click.ClickException when the stream ends before the model is there."""
    step = models_pb2.DownloadModelResponse()
    for step in client.download_model(host, name):
        progress(_bar(step))
        if session.json:
            print_json(as_json(step), line=True)
    progress("")
    if not step.done:
        raise click.ClickException(f"The download of {name} was cut short.")
    if not session.json:
        click.echo(f"{step.model.name} is {_state(step.model)}.")
