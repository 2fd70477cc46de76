"""The one table of news agencies."""

from __future__ import annotations

from collections import Counter

from coranto.agencies import all_agencies, byline_names


def test_every_alias_belongs_to_one_agency() -> None:
    owners = Counter(alias for agency in all_agencies() for alias in {name.casefold() for name in agency.aliases})
    assert [alias for alias, count in owners.items() if count > 1] == []


def test_names_in_texts_and_bylines_are_aliases_of_their_agency() -> None:
    for agency in all_agencies():
        used = {*agency.names_in_texts, *(alias for alias, _ in agency.names_in_bylines)}
        assert used, agency.name
        assert used <= set(agency.aliases), agency.name


def test_hosts_belong_to_one_agency() -> None:
    hosts = [host for agency in all_agencies() for host in agency.hosts]
    assert len(hosts) == len(set(hosts))


def test_byline_name_is_the_one_that_records_show() -> None:
    names = byline_names()
    assert names["associated press"] == names["the associated press"] == "Associated Press"
    assert names["ap"] == "AP"
    assert names["тасс"] == "ТАСС"
    # “Trend” is a word in most bylines.
    assert "trend" not in names
