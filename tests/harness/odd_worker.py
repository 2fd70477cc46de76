"""A service that differs from its replicas: its clock is wrong, or it is of another version.

    python odd_worker.py sink --clock-ahead 3456000
    python odd_worker.py extractor --next-version

The change is made before the service's first import and is as small as can be: everything else is the real service.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import time


def set_clock(ahead_seconds: float) -> None:
    """Have this process' clock be so far ahead (or behind, when negative)."""
    true_time, true_time_ns = time.time, time.time_ns
    time.time = lambda: true_time() + ahead_seconds
    time.time_ns = lambda: true_time_ns() + int(ahead_seconds * 1e9)


def become_next_version() -> None:
    """Write events as a later version might: with fields and attributes that today's does not know."""
    import coranto.records.envelope as envelope

    encode = envelope.encode

    def encode_more(*arguments: object, **named: object) -> bytes:
        event = json.loads(encode(*arguments, **named))  # type: ignore[arg-type]  # passed on as they came
        event["laterattribute"] = "from a later version"
        event["data"]["later_section"] = {"field": "from a later version"}
        return json.dumps(event).encode()

    envelope.encode = encode_more  # type: ignore[assignment]  # the same signature, not written out again


def main() -> None:
    """Change what is asked for, then run the service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service")
    parser.add_argument("--clock-ahead", type=float, default=0.0)
    parser.add_argument("--next-version", action="store_true")
    arguments = parser.parse_args()
    if arguments.clock_ahead:
        set_clock(arguments.clock_ahead)
    if arguments.next_version:
        become_next_version()
    sys.argv = [sys.argv[0]]
    runpy.run_module(f"coranto_{arguments.service}", run_name="__main__")


if __name__ == "__main__":
    main()
