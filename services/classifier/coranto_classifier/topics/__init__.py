"""What an article is about, as codes of IPTC Media Topics."""
