"""Runs the gateway until it is told to stop: `python -m coranto_gateway`."""

from coranto.worker.command_line import run
from coranto_gateway.app import create

if __name__ == "__main__":
    run(create, "coranto_gateway")
