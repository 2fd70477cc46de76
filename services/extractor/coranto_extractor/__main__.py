"""Runs the extractor until it is stopped: `python -m coranto_extractor`."""

from coranto_extractor.app import create

if __name__ == "__main__":
    create().run()
