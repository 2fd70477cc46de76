"""The sink service of Coranto."""
