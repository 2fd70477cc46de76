"""Runs the classifier until it is told to stop: `python -m coranto_classifier`."""

from coranto.worker.command_line import run
from coranto_classifier.app import create

if __name__ == "__main__":
    run(create, "coranto_classifier")
