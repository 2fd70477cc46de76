"""Bounds on one response: settings of whoever goes to the web, and what the client keeps to."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from coranto.settings import Duration, SettingsSection


class WebLimits(SettingsSection):
    """Bounds on one response."""

    total_timeout: Duration = Field(
        timedelta(seconds=30), gt=timedelta(0), description="Longest time for one response."
    )
    # From the request to the last byte, name resolution and connecting included.
    connect_timeout: Duration = Field(
        timedelta(seconds=10), gt=timedelta(0), description="Longest time for a connection."
    )
    read_timeout: Duration = Field(timedelta(seconds=15), gt=timedelta(0), description="Longest time without a byte.")
    max_header_bytes: int = Field(16_384, ge=1000, description="Longest line of response headers, in bytes.")
    # All lines together may have 262,144.
    max_body_bytes: int = Field(10_000_000, ge=1000, description="Largest body as it is sent, in bytes.")
    max_decoded_bytes: int = Field(10_000_000, ge=1000, description="Largest body once it is unpacked, in bytes.")
    max_compression_ratio: int = Field(
        100, ge=2, description="Largest ratio of unpacked to sent size, beyond the first megabyte."
    )
    # HTML packs 4 to 20 times; 100 is rare, a bomb has 1,000.
