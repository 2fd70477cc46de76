"""The seed article, read from the shared material: what a journalist wrote down as its truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coranto_classifier.text_models import ArticleText, TextModels


@pytest.mark.parametrize("has_section", [True, False])
def test_seed_article_is_classified_as_its_truth_says(models: TextModels, material: Path, has_section: bool) -> None:
    truth = json.loads((material / "seed" / "truth.json").read_text(encoding="utf-8"))
    article = ArticleText(truth["title"], "\n".join(truth["body"]), section=truth["section"] if has_section else None)
    analysis = models.analyse(article)
    assert analysis.language.code == truth["language"]
    assert analysis.topics[0].code == truth["topic"]["code"]
    found = {(entity.type, entity.name) for entity in analysis.entities}
    wanted = {(kind, name) for kind, names in truth["entities"].items() for name in names}
    assert wanted <= found
    kyrgyzstan = [entity for entity in analysis.entities if entity.country == "KG"]
    assert [(entity.name, entity.aliases) for entity in kyrgyzstan] == [("Киргизия", ("Кыргызстан",))]
