"""Runs the feeder until it is told to stop: `python -m coranto_feeder`."""

from coranto_feeder.app import create

if __name__ == "__main__":
    create().run()
