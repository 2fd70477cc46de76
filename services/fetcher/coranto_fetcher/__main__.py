"""Runs the fetcher until it is told to stop: `python -m coranto_fetcher`."""

from coranto_fetcher.app import create

if __name__ == "__main__":
    create().run()
