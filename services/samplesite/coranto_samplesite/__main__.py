"""Serves the sample site until interrupted: `python -m coranto_samplesite`."""

import argparse
import asyncio
import contextlib

from coranto_samplesite.server import SampleSite


async def serve() -> None:
    """Serve both hosts and say where they are."""
    async with SampleSite() as site:
        print(f"sample site: {site.base_url}/  wire: {site.wire_url}/")  # noqa: T201 - this is the program's output
        for url in site.sources:
            print(f"  {url}")  # noqa: T201 - this is the program's output
        await asyncio.Event().wait()


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m coranto_samplesite", description="Serves the sample site on loopback until Ctrl-C."
    ).parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
