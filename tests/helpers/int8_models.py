"""Tiny models in every INT8 recipe, whole and pruned."""

import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.remove import prune_heads, prune_neurons, prune_vocabulary
from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.static import convert_aware, prepare_aware, quantize_static
from utils.model.torch_tagger import torch_tagger

TEXTS = ["新华社北京二月十一日电", "a", "记者唐虹在北京说，天气很好。" * 3]
ENGINES = [engine for engine in torch.backends.quantized.supported_engines if engine != "none"]
TINY_TEXTS = random_texts(12)


def emissions(model, tokenizer, texts=TEXTS):
    return torch_tagger(model, tokenizer).backend(*tokenizer.batch(texts)[:2])


def static(model, tokenizer):
    return quantize_static(model, tokenizer, TINY_TEXTS)


def aware(model, tokenizer):
    return convert_aware(prepare_aware(model, tokenizer, TINY_TEXTS))


RECIPES = {
    "dynamic": lambda model, tokenizer: quantize(model),
    "dynamic, linear": lambda model, tokenizer: quantize(model, embeddings=False),
    "static": static,
    "aware": aware,
}


def pruned_models():
    model, tokenizer = random_raner(), tiny_tokenizer()
    yield "uneven heads", prune_heads(model, {0: [1, 2], 1: [3]}), tokenizer
    yield "a layer without heads", prune_heads(model, {1: [0, 1, 2, 3]}), tokenizer
    yield "a narrow network, one without neurons", prune_neurons(model, {0: [3, 4], 1: list(range(20))}), tokenizer
    yield "fewer characters", *prune_vocabulary(model, tokenizer, TINY_TEXTS[:4])


PRUNED = {name: (model, tokenizer) for name, model, tokenizer in pruned_models()}
