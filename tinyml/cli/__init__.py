"""The command `tinyml`. One file per command family; the logic lives in tinyml.pipeline and below."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
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
    from tinyml.cli.setting import check_value
    from tinyml.settings import file_settings

    name = context.invoked_subcommand
    group = context.command
    assert isinstance(group, _Commands)
    commands = {n: command for n in group.list_commands(context) if (command := group.get_command(context, n))}
    known = {key: option for command in commands.values() for key, option in _settings_of(command).items()}
    own = _settings_of(commands[name]) if name in commands else {}
    checks = {key: partial(check_value, option, context) for key, option in (known | own).items()}
    settings = file_settings(Path.cwd(), checks)
    return {name: {str(own[key].name): value for key, value in settings.items() if key in own}} if name else {}


def _settings_of(command: click.Command) -> dict[str, click.Option]:
    """Setting -> option of a command: `keep_input` for `--keep-input`, whatever the function calls it."""
    options = [p for p in command.params if isinstance(p, click.Option) and p.name]
    return {max(o.opts, key=len).lstrip("-").replace("-", "_"): o for o in options}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: runs a command and ends the process with its exit code."""
    # layers are small: a second thread of BLAS gains little, and loses much where it waits for a busy core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """One command; returns its exit code: 0, or that of the error (tinyml/errors.py)."""
    try:
        code = cli.main(list(arguments), prog_name="tinyml", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        return _report(error, arguments)


def _report(error: BaseException, arguments: Sequence[str]) -> int:
    """Says what went wrong; returns the exit code."""
    from tinyml.cli.output import Output

    failure, code = _failure(error)
    output = Output(next((a for a in arguments if not a.startswith("-")), "tinyml"), "--json" in arguments)
    with contextlib.suppress(OSError):  # stdout may be what failed
        output.failure(failure, code)
    return code


def _failure(error: BaseException) -> tuple[TinymlError, int]:
    """The error in our words, and its exit code."""
    if isinstance(error, TinymlError):
        return error, error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return TinymlError("interrupted"), EXIT_INTERRUPTED
    if isinstance(error, click.ClickException):
        return UsageError(error.format_message(), hint=_help_line(error)), UsageError.exit_code
    if isinstance(error, OSError):
        return UsageError(f"{error.filename or 'the system'}: {error.strerror or error}"), UsageError.exit_code
    said = f"internal error: {type(error).__name__}: {error}"
    return TinymlError(said, "--debug, and report it"), EXIT_INTERNAL


def _help_line(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else "tinyml --help"
