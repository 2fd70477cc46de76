"""The feeder service of Coranto."""
