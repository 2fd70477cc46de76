"""Exports that take more than one line: Parquet by day, and files that are taken up where they were cut off."""
