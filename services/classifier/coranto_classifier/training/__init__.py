"""Makes the classifier's models from labelled files: `python -m coranto_classifier.training --data DIR`."""
