"""Web archives: responses that somebody has recorded, in WARC and ARC files."""
