"""The searched graph is the model, and its attention is found."""

import numpy as np
from tiny_models import random_raner, tiny_tokenizer

from utils.engines.onnx_files import operator_counts
from utils.engines.onnx_session import load_onnx_tagger
from utils.model.torch_tagger import torch_tagger
from utils.studies.pattern_fusion import export_as_torchscript, fuse_by_pattern


def test_the_search_finds_the_older_exporters_attention_and_changes_no_answer(tmp_path):
    model, tokenizer = random_raner(), tiny_tokenizer()
    model.train()
    config = model.config
    written = export_as_torchscript(model, tokenizer, tmp_path / "written")
    fused = fuse_by_pattern(written, tmp_path / "fused", config.num_attention_heads, config.hidden_size)
    assert model.training and model.config._attn_implementation == "eager"
    assert operator_counts(written)["Attention"] == 0
    assert operator_counts(fused)["Attention"] == config.num_hidden_layers
    encoding = tokenizer.batch(["天地玄黄宇宙洪荒", "日月"])
    batch = encoding.input_ids, encoding.attention_mask
    expected, real = torch_tagger(model.eval(), tokenizer).backend(*batch), batch[1] == 1
    for path in (written, fused):
        assert np.abs(load_onnx_tagger(path).backend(*batch) - expected)[real].max() < 1e-4
