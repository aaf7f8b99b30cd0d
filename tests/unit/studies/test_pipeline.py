"""The article's four versions: built where they are missing, left alone where notebook 08 left them."""

from utils.measure.run import open_run
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import pruning_map
from utils.serving.models import open_model
from utils.studies import pipeline


def never(*_):
    raise AssertionError("it is there already")


def test_four_versions_are_built_once_and_can_be_served(tmp_path, monkeypatch):
    run = open_run(str(tmp_path), quick=True)
    versions = pipeline.article_versions(run)
    assert list(versions) == ["original", "quantised", "pruned, quantised", "ONNX Runtime, quantised"]
    for path in versions.values():
        name, load = open_model(path)
        assert name.startswith(path.name) and load().predict(["陈默在北京。"])
    recovered, _ = load_raner(tmp_path / "artifacts" / "mini" / "recovered-seed1")
    left = sum(len(kept) for kept in pruning_map(recovered.config).heads)
    assert left == 144 - round(0.2 * 144)
    for builder in ("recover", "export_onnx", "save_raner", "save_quantized", "quantize_onnx"):
        monkeypatch.setattr(pipeline, builder, never)
    assert pipeline.article_versions(run) == versions
