"""A small news site that ships with the product: real HTTP on loopback, real noise, and what must become of each page.

Everything on it is invented: people, organisations and events. Countries, cities and sections are real, so that names and
topics can be recognised. `make run` and the tests ingest it and compare the outcome with what each page states.
"""

from coranto_samplesite.check import Mismatch, Outcome, mismatches
from coranto_samplesite.expectations import Expectation, expectations_for
from coranto_samplesite.pages import Page, load_pages
from coranto_samplesite.server import SampleSite

__all__ = [
    "Expectation",
    "Mismatch",
    "Outcome",
    "Page",
    "SampleSite",
    "expectations_for",
    "load_pages",
    "mismatches",
]
