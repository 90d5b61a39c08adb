"""The command `tinyml`. One file per command family; the logic lives in tinyml.pipeline and below."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tinyml._version import __version__
from tinyml.errors import TinymlError, UsageError

EXIT_INTERNAL = 70  # EX_SOFTWARE of sysexits.h: a bug in the SDK
EXIT_INTERRUPTED = 130


class _Commands(click.Group):
    """Subcommands imported when they are asked for: `tinyml --version` stays fast."""

    modules = {
        "board": ("boards", "ports", "doctor"),
        "build": ("build", "test", "check"),
        "export": ("export",),
        "inspect": ("kernels", "plan"),
        "profile": ("bisect", "profile", "tune"),
        "quantize": ("compare", "quantize"),
    }

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(name for names in self.modules.values() for name in names)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        from importlib import import_module

        for module, names in self.modules.items():
            if name in names:
                command: click.Command = getattr(import_module(f"tinyml.cli.{module}"), name)
                return command
        return None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tinyml")
@click.pass_context
def cli(context: click.Context) -> None:
    """From a model to verified int8 firmware on a microcontroller."""
    context.default_map = _defaults(context)


def _defaults(context: click.Context) -> dict[str, Any]:
    """Settings of tinyml.toml and pyproject.toml, for the options that the invoked command has."""
    from tinyml.settings import file_settings

    name = context.invoked_subcommand
    group = context.command
    assert isinstance(group, _Commands)
    commands = {n: command for n in group.list_commands(context) if (command := group.get_command(context, n))}
    settings = file_settings(Path.cwd(), {setting for c in commands.values() for setting in _settings_of(c)})
    own = _settings_of(commands[name]) if name in commands else {}
    return {name: {own[key]: value for key, value in settings.items() if key in own}} if name else {}


def _settings_of(command: click.Command) -> dict[str, str]:
    """Setting -> parameter of a command: `keep_input` for `--keep-input`, whatever the function calls it."""
    options = [p for p in command.params if isinstance(p, click.Option) and p.name]
    return {max(o.opts, key=len).lstrip("-").replace("-", "_"): str(o.name) for o in options}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: runs a command and ends the process with its exit code."""
    # layers are small: a second thread of BLAS gains little, and loses much where it waits for a busy core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """One command; returns its exit code: 0, or that of the error (tinyml/errors.py)."""
    from tinyml.cli.output import Output

    debug = "--debug" in arguments
    output = Output(next((a for a in arguments if not a.startswith("-")), "tinyml"), "--json" in arguments)
    try:
        code = cli.main(list(arguments), prog_name="tinyml", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TinymlError as error:
        failure = error
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        return output.failure(TinymlError("interrupted"), EXIT_INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.ClickException as error:
        failure = UsageError(error.format_message(), hint=_help_line(error))
    except OSError as error:
        failure = UsageError(f"{error.filename or 'the system'}: {error.strerror or error}")
    except Exception as error:
        if debug:
            traceback.print_exc()
        unexpected = TinymlError(f"internal error: {type(error).__name__}: {error}", "--debug, and report it")
        return output.failure(unexpected, EXIT_INTERNAL)
    if debug:
        traceback.print_exc()
    return output.failure(failure, failure.exit_code)


def _help_line(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else "tinyml --help"
