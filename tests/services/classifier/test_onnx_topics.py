"""Topic models of one's own in ONNX form."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels
from coranto_classifier.topics.model import TopicFinder


def card(folder: Path) -> None:
    """Says that Russian texts are judged by an ONNX file."""
    content = {"version": "own-onnx-1", "languages": {"ru": "topics_ru.onnx"}}
    (folder / "topics.json").write_text(json.dumps(content), encoding="utf-8")


def write_model(path: Path, metadata: dict[str, str], *, of_strings: bool = True) -> None:
    """A model that answers .1 and .9 whatever it reads, and an input off the contract when asked."""
    onnx: Any = pytest.importorskip(
        "onnx", reason="building the file needs onnx; its reader is tested where it is installed"
    )
    pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    kind = onnx.TensorProto.STRING if of_strings else onnx.TensorProto.FLOAT
    answer = onnx.helper.make_tensor("answer", onnx.TensorProto.FLOAT, [1, 2], [0.1, 0.9])
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Constant", [], ["probabilities"], value=answer),
            onnx.helper.make_node("Identity", ["text"], ["same"]),
        ],
        "topics",
        [onnx.helper.make_tensor_value_info("text", kind, [1, 1])],
        [
            onnx.helper.make_tensor_value_info("same", kind, [1, 1]),
            onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, [1, 2]),
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString())


def test_onnx_model_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    card(tmp_path)
    write_model(tmp_path / "topics_ru.onnx", {"codes": "04000000 15000000", "threshold": "0.5"})
    analysis = TextModels(ModelPaths(directory=tmp_path)).analyse(
        ArticleText("Центробанк повысил ставку", "Рубль подешевел, инфляция ускорилась.")
    )
    assert analysis.models["topics"] == "own-onnx-1"
    assert [(topic.code, topic.sources) for topic in analysis.topics] == [("15000000", ("model",))]


def test_onnx_model_without_codes_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    card(tmp_path)
    write_model(tmp_path / "topics_ru.onnx", {"codes": "sport economy"})
    with pytest.raises(ValueError, match=r"'codes' must list top-level Media Topics codes.*sport"):
        TopicFinder(tmp_path, {}).model_for("ru")


def test_onnx_model_that_does_not_read_text_is_refused(tmp_path: Path) -> None:
    card(tmp_path)
    write_model(tmp_path / "topics_ru.onnx", {"codes": "04000000 15000000"}, of_strings=False)
    with pytest.raises(ValueError, match="expected one input of strings"):
        TopicFinder(tmp_path, {}).model_for("ru")


def test_onnx_model_without_its_runtime_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    card(tmp_path)
    (tmp_path / "topics_ru.onnx").write_bytes(b"")
    with pytest.raises(RuntimeError, match=r"pip install 'onnxruntime>=1\.20'"):
        TopicFinder(tmp_path, {}).model_for("ru")
