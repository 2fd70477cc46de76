"""How large a page may be. `ExtractorSettings` extends this class, so the limits are settings and are written down once."""

from __future__ import annotations

from pydantic import Field

from coranto.settings import SettingsSection


class PageLimits(SettingsSection):
    """The size beyond which a page is refused."""

    max_page_bytes: int = Field(20_000_000, ge=1000, description="Largest page that is read, in bytes.")
    max_nodes: int = Field(120_000, ge=100, description="Most elements a page may have.")
    max_depth: int = Field(400, ge=10, le=800, description="Deepest nesting of elements a page may have.")
    # Each level takes two frames of Python's stack, whose default limit is 1000. Hence the bound of 800, and the raised
    # limit in the worker processes.
