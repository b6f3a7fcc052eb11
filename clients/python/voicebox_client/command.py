"""The command `voicebox`: its global options, its verbs, and how it ends when something fails."""

import importlib
import os
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

import click

from . import suggestions
from .connection import DEFAULT_TARGET
from .errors import VoiceboxClientError
from .option_names import in_options
from .ranges import real
from .session import CommandSession, given_parameters, progress

# Shown by `voicebox --help` without importing the verbs, since gRPC alone takes longer to import than the help to show.
VERBS = {
    "say": "Speak a text, to a file or to the speakers.",
    "dialogue": "Speak a dialogue of several voices, from a text file.",
    "transcribe": "Transcribe recordings.",
    "convert": "Convert the speech of a file into another voice.",
    "voice-models": "List, show, import, export and delete the voices that speech is converted into.",
    "detect": "Look for the watermark of synthetic speech in a recording.",
    "explain": "Show how a text would be spoken: numbers and signs in words, lexicons, phonemes.",
    "profiles": "Store voices, and the recordings that they are made from.",
    "lexicons": "Store how words are said: what is read in their place, or phonemes.",
    "history": "Find what was spoken before.",
    "transcriptions": "List, search and edit stored transcriptions.",
    "retention": "Set how long the history is stored.",
    "voices": "List the built-in voices.",
    "design": "Make voices of a description.",
    "train": "Make a voice model of recordings.",
    "jobs": "List, follow, cancel and retry long work; speak and transcribe many files.",
    "adapters": "Train, list, import, export and delete adapters of models.",
    "models": "List, load, unload and download models.",
    "keys": "Create, list, revoke and rotate keys.",
    "limits": "Show and set how much an owner or a key may use.",
    "usage": "Show what was used, and by whom.",
    "owners": "Move, take out or delete all data of an owner.",
    "health": "Show which services answer.",
}
PLUGINS = "voicebox.commands"
CATALOG_HELP = "Back up, verify, move and migrate the catalog's data (comes with the platform)."
SERVE_HELP = "Serve services (comes with the platform, not with the client)."
INTERRUPTED = 130
ANYWHERE = ("--json", "--wide")


class Verbs(click.Group):
    """The verbs above, and those that other packages bring by the entry-point group `voicebox.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *sorted({"serve", *(plugin.name for plugin in entry_points(group=PLUGINS))})]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in VERBS:
            return _command(importlib.import_module(f".commands.{cmd_name.replace('-', '_')}", __package__).command)
        plugin = next(iter(entry_points(group=PLUGINS, name=cmd_name)), None)
        if plugin is not None:
            return _command(plugin.load())
        if cmd_name == "serve":
            raise click.ClickException(
                "This is a client-only installation: `voicebox serve` comes with the package voicebox-kit."
            )
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        plugins = {plugin.name: _plugin_help(plugin) for plugin in entry_points(group=PLUGINS)}
        with formatter.section("Commands"):
            formatter.write_dl([*VERBS.items(), *sorted(({"serve": SERVE_HELP} | plugins).items())])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--json` and `--wide` may also stand after the verb."""
        options = args[: args.index("--")] if "--" in args else args
        rest = args[len(options) :]
        first = [word for word in ANYWHERE if word in options]
        return super().parse_args(ctx, first + [word for word in options if word not in ANYWHERE] + rest)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verb when there is none of that name."""
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}.{suggestions.nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a verb. What fails ends as one sentence and code 1, Ctrl-C as code 130; click itself is quiet about a
        broken pipe.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except (VoiceboxClientError, OSError, UnicodeError) as error:
            _fail(error, ctx.obj)
        finally:
            progress("")


def _command(found: object) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{found!r} is not a click command")
    return found


def _plugin_help(plugin: EntryPoint) -> str:
    known = {"serve": SERVE_HELP, "catalog": CATALOG_HELP}
    return known.get(plugin.name) or f"From {plugin.dist.name if plugin.dist else plugin.value}."


def _fail(error: VoiceboxClientError | OSError | UnicodeError, session: CommandSession) -> NoReturn:
    match error:
        case BrokenPipeError():
            raise error
        case VoiceboxClientError(reason="NO_ANSWER"):
            raise click.ClickException(
                f"No voicebox answers at {session.server}; start one with `make run`."
            ) from error
        case VoiceboxClientError(reason="KEY_MISSING"):
            sentence = f"{session.server} needs a key: set VOICEBOX_API_KEY."
            raise click.ClickException(f"{sentence} `voicebox keys create --local` makes the first one.") from error
        case VoiceboxClientError():
            sentence = in_options(error.sentence, error.field, given_parameters())
            raise click.ClickException(sentence + suggestions.meant(session, error)) from error
        case OSError():
            raise click.ClickException(
                f"{error.filename}: {error.strerror}" if error.filename else str(error)
            ) from error
        case _:
            raise click.ClickException("That is not valid UTF-8 text.") from error


def _address(_ctx: click.Context, _option: click.Parameter, text: str) -> str:
    if "://" in text or "/" in text:
        raise click.BadParameter(f"{text!r} is not HOST:PORT: leave out the scheme and the path.")
    return text


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--server",
    metavar="HOST:PORT",
    envvar="VOICEBOX_SERVER",
    default=DEFAULT_TARGET,
    show_default=True,
    show_envvar=True,
    callback=_address,
    help="The gateway's address.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, with the contract's names.")
@click.option("--timeout", "timeout_seconds", type=real(above=0), metavar="SECONDS", help="Give up after so long.")
@click.option("--wide", is_flag=True, help="Leave tables whole, however wide the terminal is.")
@click.version_option(package_name="voicebox-client", prog_name="voicebox")
@click.pass_context
def main(ctx: click.Context, server: str, as_json: bool, timeout_seconds: float | None, wide: bool) -> None:
    """Speech on one address: speak, transcribe, manage voices and history."""
    ctx.obj = CommandSession(
        server, as_json, timeout_seconds, wide=wide, api_key=os.environ.get("VOICEBOX_API_KEY", "")
    )
