"""Runs the sink until it is told to stop: `python -m coranto_sink`."""

from coranto.worker.command_line import run
from coranto_sink.app import create

if __name__ == "__main__":
    run(create, "coranto_sink")
