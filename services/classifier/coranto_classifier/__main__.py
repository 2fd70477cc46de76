"""Runs the classifier until it is told to stop: `python -m coranto_classifier`."""

from coranto_classifier.app import create

if __name__ == "__main__":
    create().run()
