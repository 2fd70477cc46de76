"""Pure converters from a finished article to what other programs read. None of them touches a file or a network."""

from coranto.formats.atom import to_atom_entry, to_atom_feed
from coranto.formats.csv_table import csv_header, to_csv_row
from coranto.formats.jsonl import to_json_line
from coranto.formats.jsonld import to_json_ld
from coranto.formats.ninjs import to_ninjs

__all__ = ["csv_header", "to_atom_entry", "to_atom_feed", "to_csv_row", "to_json_ld", "to_json_line", "to_ninjs"]
