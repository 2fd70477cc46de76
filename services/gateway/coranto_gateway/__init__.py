"""The gateway service of Coranto."""
