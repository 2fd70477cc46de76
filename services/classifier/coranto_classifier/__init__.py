"""The classifier service of Coranto."""
