"""The command line of a service: it takes no arguments, and says so where somebody gives one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol


class Service(Protocol):
    """What runs until it is told to stop."""

    def run(self) -> None:
        """Run it."""


def run(create: Callable[[], Service], name: str, arguments: Sequence[str] | None = None) -> None:
    """Run the service of this name, or explain it. Ends the process when there are arguments that it does not take."""
    argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=f"{name} runs until it gets SIGTERM or Ctrl-C.",
        epilog="It is set up by environment variables named CORANTO_…: see docs/reference/settings.md, or `coranto settings`, "
        "which prints those in force. `coranto up` runs all services here.",
    ).parse_args(arguments)
    create().run()
