"""What is in the package: models of known file types, their card, no training code, and no model of forbidden texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from coranto_classifier.on_demand import OnDemand
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels

MODELS = ModelPaths().shipped
SERVICE = Path(__file__).resolve().parents[3] / "services" / "classifier"
EVALUATION_ONLY = {"ag-news-test", "bbc", "masakhanews"}


def test_models_are_of_kinds_that_run_nothing_when_read() -> None:
    assert {"".join(path.suffixes[-1:]) for path in MODELS.iterdir()} <= {
        ".npz", ".npy", ".json", ".gz", ".tar", ".crfsuite",
    }  # fmt: skip
    for path in MODELS.glob("*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            assert all(stored[name].dtype != object for name in stored.files)
    for path in MODELS.glob("*.npy"):
        assert np.load(path, mmap_mode="r", allow_pickle=False).dtype != object


def test_no_model_was_trained_on_sets_for_evaluation_only() -> None:
    card = json.loads((MODELS / "topics.json").read_text(encoding="utf-8"))
    assert not EVALUATION_ONLY & set(card["sources"])


def test_card_names_every_source_and_its_terms() -> None:
    text = (SERVICE / "MODELS.md").read_text(encoding="utf-8")
    card = json.loads((MODELS / "topics.json").read_text(encoding="utf-8"))
    assert [source for source in card["sources"] if source not in text] == []
    notice = (SERVICE / "NOTICE").read_text(encoding="utf-8")
    for owner in ("IPTC", "GeoNames", "Unicode", "Wikipedia", "natasha"):
        assert owner in notice


def test_training_is_beside_the_package_and_not_in_it() -> None:
    package = MODELS.parent
    assert (SERVICE / "training" / "__main__.py").exists()
    assert not [path for path in package.rglob("*") if path.name in ("training", "own", "sources.py")]
    assert not [path for path in package.rglob("*.py") if "from training" in path.read_text(encoding="utf-8")]


def test_package_stays_below_its_stated_size() -> None:
    assert sum(path.stat().st_size for path in MODELS.iterdir()) < 88_000_000
    assert sum(path.stat().st_size for path in MODELS.glob("names_*")) < 33_500_000


def test_own_models_take_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    card = json.loads((MODELS / "topics.json").read_text(encoding="utf-8"))
    own = {**card, "version": "own-1", "languages": {"ru": "topics_ru.npz"}}
    (tmp_path / "topics.json").write_text(json.dumps(own), encoding="utf-8")
    (tmp_path / "topics_ru.npz").write_bytes((MODELS / "topics_ru.npz").read_bytes())
    analysis = TextModels(ModelPaths(directory=tmp_path)).analyse(
        ArticleText("Сборная выиграла матч", "Тренер доволен игрой.")
    )
    assert analysis.models["topics"] == "own-1"
    assert analysis.topics[0].code == "15000000"


@pytest.mark.parametrize("name", ["slovnet_ner_news_v1.tar", "navec_news_v1_1B_250K_300d_100q.tar"])
def test_russian_model_files_are_the_examined_ones(name: str) -> None:
    import hashlib

    from training.russian import FILE_SHA256

    assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == FILE_SHA256[name]


def test_text_in_one_language_loads_no_models_of_another() -> None:
    program = (
        "import sys\n"
        "from coranto_classifier.text_models import ArticleText, TextModels\n"
        "TextModels().analyse(ArticleText('Prime minister in London', 'She met John Smith on Monday.', declared_language='en'))\n"
        "print(sorted({'navec', 'pymorphy3', 'slovnet'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_models_are_loaded_once_and_what_their_loaders_raise_comes_out() -> None:
    loaded: list[str] = []

    def broken() -> str:
        raise OSError("no file")

    models = OnDemand({"ru": lambda: loaded.append("ru") or "model", "en": broken})
    assert list(models) == ["ru", "en"]
    assert "en" in models
    assert models.get("xx") is None
    assert not loaded
    assert models["ru"] == models["ru"] == "model"
    assert loaded == ["ru"]
    with pytest.raises(OSError, match="no file"):
        models["en"]
