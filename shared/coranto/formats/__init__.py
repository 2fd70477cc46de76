"""Pure converters from a finished article to what other programs read. None of them touches a file or a network."""

from coranto.formats.atom import to_atom_entry, to_atom_feed
from coranto.formats.jsonl import to_json_line
from coranto.formats.jsonld import to_json_ld
from coranto.formats.ninjs import to_ninjs

__all__ = ["to_atom_entry", "to_atom_feed", "to_json_ld", "to_json_line", "to_ninjs"]
