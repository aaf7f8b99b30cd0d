"""Every number that the article claims in its sections 2 to 5, with where it says so.

A reason tells why a number comes out as it does. What arithmetic allows is computed here from the shapes of a
BERT-base with the vocabulary of Chinese BERT, 21,128 characters, and RaNER's 13 labels.
"""

import math

from utils.measure.claim import (
    AVX512,
    OWN,
    Claim,
    Direction,
    Quote,
    Tolerance,
    counted,
    extra_loss,
    f1_lost,
    fewer,
    megabytes,
    memory,
    memory_share,
    speed_up,
    speed_up_over,
    time_saved,
)
from utils.measure.memory import MB
from utils.measure.row import ORIGINAL

TORCH8, BOTH8, ONNX8 = ("quantized", "torch-int8"), ("pruned-quantized", "torch-int8"), ("quantized", "onnx-int8")
LINEAR8, CUT, ONNX32 = ("quantized-linear", "torch-int8"), ("heads-20", "torch-fp32"), ("original", "onnx-fp32")

AT_LEAST, AT_MOST, ABOUT = Direction

LAYERS = HEADS = 12
HIDDEN, HEAD_SIZE, NEURONS, LABELS = 768, 64, 3072, 13
EMBEDDINGS = (21_128 + 512 + 2 + 2) * HIDDEN
"""Numbers in the tables of characters, positions and segments, and in their LayerNorm."""
MATRICES = LAYERS * (4 * HIDDEN**2 + 2 * HIDDEN * NEURONS) + HIDDEN * LABELS
"""Weights of linear layers: those of the encoder, and the classifier's."""
VECTORS = LAYERS * (9 * HIDDEN + NEURONS) + LABELS * (LABELS + 3)
"""Biases and LayerNorms of the encoder, the classifier's bias, and the CRF."""
PARAMETERS = EMBEDDINGS + MATRICES + VECTORS
FIFTH = 0.2 * LAYERS * HEADS * (4 * HIDDEN * HEAD_SIZE + 3 * HEAD_SIZE)
"""Parameters in a fifth of all heads; which ones makes no difference."""

LINEAR_BYTES = 4 * (PARAMETERS - MATRICES) + MATRICES
"""Of a file in which linear layers have one byte a weight, and all else four."""
FEWEST_BYTES = PARAMETERS - FIFTH
"""Of a file that has one byte for each parameter that a fifth of the heads leaves, whatever it is for."""


def percent_smaller(file_bytes: float) -> float:
    """Than float32, with four bytes a parameter."""
    return 100 * (1 - file_bytes / (4 * PARAMETERS))


def times(old: float, old_spread: float, new: float, new_spread: float) -> tuple[float, Tolerance]:
    """Times as fast, and how far the article's ± of both times lets that stray."""
    share = math.hypot(old_spread / old, new_spread / new)
    return old / new, Tolerance(share * old / new, "the article's ± of the two times")


def share(part: float, whole: float) -> tuple[float, Tolerance]:
    """Percent, with as much tolerance for memory as the article's times vary."""
    percent = 100 * part / whole
    return percent, Tolerance(0.05 * percent, "no ± is given for memory: 5 % of it, as for the times")


COUNT = Tolerance(0, "a count")
TENS = Tolerance(5, "rounded to tens")
UNNAMED = Tolerance(21, "5 %: neither the vocabulary nor what else lies in the file is named")
WHOLE = Tolerance(0.5, "rounded to whole percents")
TENTH = Tolerance(0.05, "rounded to a tenth")
F1 = Tolerance(0.1, "two F1, each rounded to a tenth")
NEARLY = Tolerance(2, "the article says nearly, and has 78.6")
BIASES = Tolerance(1, "biases and LayerNorms stay float32")
NO_SPREAD = Tolerance(0.07, "no ± is given: 5 %, as for the other times")
PERCENT_OF_TIME = Tolerance(3, "the article's ± of the two times, as percent of the first")
NONE = Tolerance(0, "no number is needed to say which is more")
ELSEWHERE = "milliseconds of a machine that is not named; only ratios travel"
SERVED = "notebook 09 tries it and says so there; its trials are no rows of the ledger"

SPEED8 = "bytes are quick where the CPU has instructions to multiply them (VNNI, AMX, NEON), and only there"
TABLE8 = "the word embedding stays in float32; only with it in INT8 too does the file get there"
SMALLEST = "one byte for each parameter is more than that, and the article's code leaves the embedding in four"


def said(section: str, *texts: str) -> tuple[Quote, ...]:
    return tuple(Quote(section, text) for text in texts)


HALVED = said("2.1", "内存减半:参数存储空间减少 75%")
TWELVE = said("2.2", "包含 12 层 Transformer,每层有 12 个注意力头")
FILES = "模型体积由 420MB → 110MB(压缩率 74%)"
FASTER8 = "CPU 推理延迟从 320ms → 140ms(提速 56%)"
SMALLER = "模型大小:420MB → 90MB(压缩 78.6%)"
FASTER = "推理延迟:320ms → 100ms(提速 68.7%)"

INT8_IN_GENERAL = (
    Claim(
        "INT8 against float32, in one engine", said("2.1", "INT8 运算比 FP32 快 2–4 倍(尤其在支持 AVX-512 的 CPU 上)"),
        2, "times as fast", AT_LEAST, Tolerance(0, "the lower end of a range"), speed_up_over(ONNX32, ONNX8),
        "products are faster still, but a model does more than multiply", AVX512,
    ),
    Claim(
        "INT8: room for the parameters", HALVED, 75, "% smaller", AT_LEAST, BIASES,
        fewer("file_bytes", TORCH8), "one byte for four, if the embedding is in INT8 too",
    ),
    Claim(
        "INT8: memory", HALVED, 50, "% of the original's memory", AT_MOST,
        Tolerance(2.5, "no ± is given for memory: 5 % of it, as for the times"), memory_share(TORCH8),
        "importing torch and its libraries is most of what is left", OWN,
    ),
    Claim(
        "INT8 and a little fine-tuning: F1 lost", said("2.1", "保持精度损失 <1%"), 1, "points", AT_MOST, F1, None,
        "no notebook fine-tunes the whole model for INT8 so; what INT8 alone loses stands below",
    ),
)  # fmt: skip

STRUCTURE = (
    Claim(
        "layers", TWELVE, 12, "", ABOUT, COUNT, counted(len), "BERT-base",
    ),
    Claim(
        "heads in each layer", TWELVE, 12, "", ABOUT, COUNT, counted(max), "BERT-base",
    ),
    Claim(
        "keep the heads of layers 9 to 12: their loss costs more",
        said("2.2", "可优先保留第 9–12 层的注意力头,对低层进行适度剪枝"), 0, "points a layer more", AT_LEAST, NONE,
        extra_loss(range(9, 13), range(1, 9)),
        "low layers do what all others build on; measured once, with the embedded model, without training again",
    ),
)  # fmt: skip

QUANTISED = (
    Claim(
        "the original's file", (*said("3.2", FILES), *said("3.4", SMALLER)), 420, "MB", ABOUT, UNNAMED,
        megabytes(ORIGINAL), "four bytes a parameter, no surprise",
    ),
    Claim(
        "INT8 of the linear layers: the file", said("3.2", FILES), 110, "MB", AT_MOST, TENS, megabytes(LINEAR8),
        TABLE8, best=LINEAR_BYTES / MB,
    ),
    Claim(
        "INT8 of the linear layers: the file", said("3.2", FILES), 74, "% smaller", AT_LEAST, WHOLE,
        fewer("file_bytes", LINEAR8), TABLE8, best=percent_smaller(LINEAR_BYTES),
    ),
    Claim(
        "INT8 with torch", (*said("3.2", FASTER8), *said("4.1", "320 ± 15", "140 ± 8")), times(320, 15, 140, 8)[0],
        "times as fast", AT_LEAST, times(320, 15, 140, 8)[1], speed_up(TORCH8), SPEED8, OWN,
    ),
    Claim(
        "INT8 with torch: time", said("3.2", FASTER8), 56, "% less time", AT_LEAST, PERCENT_OF_TIME,
        time_saved(TORCH8), "the same number as the one above, told as a percentage", OWN,
    ),
    Claim(
        "INT8 with torch: F1 lost", (*said("3.2", "F1 分数下降约 0.8%"), *said("4.1", "94.3", "93.5")), 0.8, "points",
        AT_MOST, F1, f1_lost(TORCH8),
        "torch gives activations seven bits and each matrix one grid; finer grids lose nothing that is seen here", OWN,
    ),
)  # fmt: skip

PRUNED = (
    Claim(
        "heads that prune_ratio=0.2 takes", said("3.3", "prune_ratio=0.2"), 20, "% of the heads", AT_LEAST, WHOLE, None,
        "int(12 * 0.2) is 2 of 12 in each layer", best=100 * int(HEADS * 0.2) / HEADS,
    ),
    Claim(
        "a fifth of the heads gone: parameters", said("3.3", "参数量减少 18%"), 18, "% fewer", AT_LEAST, WHOLE,
        fewer("parameters", CUT), "all heads together hold 28 % of BERT-base's parameters",
        best=100 * FIFTH / PARAMETERS,
    ),
    Claim(
        "a fifth of the heads gone: time", said("3.3", "推理速度提升 35%"), 1.35, "times as fast", AT_LEAST, NO_SPREAD,
        speed_up(CUT), "heads do a part of the work, and a fifth of a part is small", OWN,
    ),
    Claim(
        "a fifth of the heads gone: F1 lost", said("3.3", "F1 微降 1.2%,可通过微调恢复"), 1.2, "points", AT_MOST, F1,
        f1_lost(CUT), "with heads that a gradient chose; those of the article's code cost more (notebook 03)", OWN,
    ),
)  # fmt: skip

TOGETHER = (
    Claim(
        "pruned and quantised: F1 lost, to stay above 92.5", (*said("3.4", "F1 ≥ 92.5%"), *said("4.1", "94.3")),
        94.3 - 92.5, "points", AT_MOST, F1, f1_lost(BOTH8), "a distance: F1 itself is that of another test set", OWN,
    ),
    Claim(
        "pruned and quantised: the file", said("3.4", SMALLER), 90, "MB", AT_MOST, TENS, megabytes(BOTH8), SMALLEST,
        best=FEWEST_BYTES / MB,
    ),
    Claim(
        "pruned and quantised: the file", said("3.4", SMALLER), 78.6, "% smaller", AT_LEAST, TENTH,
        fewer("file_bytes", BOTH8), SMALLEST, best=percent_smaller(FEWEST_BYTES),
    ),
    Claim(
        "pruned and quantised", (*said("3.4", FASTER), *said("4.1", "320 ± 15", "100 ± 6")), times(320, 15, 100, 6)[0],
        "times as fast", AT_LEAST, times(320, 15, 100, 6)[1], speed_up(BOTH8),
        "nearly all of it is the quantisation's: with that it stands or falls", OWN,
    ),
    Claim(
        "pruned and quantised: time", said("3.4", FASTER), 68.7, "% less time", AT_LEAST, PERCENT_OF_TIME,
        time_saved(BOTH8), "the same number as the one above, told as a percentage", OWN,
    ),
    Claim(
        "pruned and quantised: peak memory", (*said("3.4", "内存峰值占用下降 60%"), *said("4.1", "820", "330")),
        share(330, 820)[0], "% of the original's memory", AT_MOST, share(330, 820)[1], memory_share(BOTH8),
        "importing torch and its libraries is most of what is left", OWN,
    ),
)  # fmt: skip

TABLE = (
    Claim("the original's time", said("4.1", "320 ± 15"), 320, "ms", ABOUT, Tolerance(15, "its ±"), None, ELSEWHERE),
    Claim(
        "the original's peak memory", said("4.1", "820"), 820, "MB", ABOUT,
        Tolerance(41, "no ± is given for memory: 5 % of it, as for the times"), memory(),
        "libraries and weights, half and half", OWN,
    ),
    Claim(
        "the original's F1", said("4.1", "94.3"), 94.3, "points", ABOUT, TENTH, None,
        "of a test set that is not named; only differences travel",
    ),
    Claim(
        "INT8 with torch: peak memory", said("4.1", "820", "310"), share(310, 820)[0], "% of the original's memory",
        AT_MOST, share(310, 820)[1], memory_share(TORCH8), "importing torch and its libraries is most of what is left",
        OWN,
    ),
    Claim(
        "pruned and quantised: F1 lost", said("4.1", "94.3", "93.1"), 94.3 - 93.1, "points", AT_MOST, F1,
        f1_lost(BOTH8), "the pruned model was trained once more; the fair comparison trains the original as long", OWN,
    ),
    Claim(
        "pruning adds memory to the quantised model", said("4.1", "310", "330"), share(330, 310)[0],
        "% of the unpruned one's memory", AT_LEAST, share(330, 310)[1], memory_share(BOTH8, TORCH8),
        "fewer weights do not take more room", OWN,
    ),
    Claim(
        "INT8 with ONNX Runtime", said("4.1", "320 ± 15", "85 ± 5"), times(320, 15, 85, 5)[0], "times as fast",
        AT_LEAST, times(320, 15, 85, 5)[1], speed_up(ONNX8),
        "the same instructions, and one operator for each layer's attention", OWN,
    ),
    Claim(
        "ONNX Runtime against torch, both INT8", said("4.1", "140 ± 8", "85 ± 5"), times(140, 8, 85, 5)[0],
        "times as fast", AT_LEAST, times(140, 8, 85, 5)[1], speed_up_over(TORCH8, ONNX8),
        "the same arithmetic; what differs is what happens between the products", OWN,
    ),
    Claim(
        "INT8 with ONNX Runtime: peak memory", said("4.1", "820", "290"), share(290, 820)[0],
        "% of the original's memory", AT_MOST, share(290, 820)[1], memory_share(ONNX8), "no torch in the process", OWN,
    ),
    Claim(
        "INT8 with ONNX Runtime: F1 lost", said("4.1", "94.3", "93.3"), 94.3 - 93.3, "points", AT_MOST, F1,
        f1_lost(ONNX8), "each column of a matrix has a scale of its own", OWN,
    ),
)  # fmt: skip

PAGE = (
    Claim(
        "an analysis while typing, every", said("4.2", "每 300ms 触发一次增量分析"), 300, "ms", AT_MOST, COUNT, None,
        SERVED,
    ),
    Claim(
        "labels are painted within", said("4.2", "实体标签渲染延迟 <120ms"), 120, "ms", AT_MOST, COUNT, None,
        "a browser paints them: the course's tests measure that, no notebook does",
    ),
    Claim(
        "requests at a time on one machine", said("4.2", "单机可承载 50+ 并发请求"), 50, "requests", AT_LEAST, COUNT,
        None, SERVED,
    ),
)  # fmt: skip

SUMMARY = (
    Claim(
        "all together: the file", said("5", "体积压缩近 80%"), 80, "% smaller", AT_LEAST, NEARLY,
        fewer("file_bytes", BOTH8), SMALLEST, best=percent_smaller(FEWEST_BYTES),
    ),
    Claim(
        "all together: time", said("5", "CPU 推理速度提升超 60%"), 60, "% less time", AT_LEAST,
        Tolerance(0, "more than"), time_saved(BOTH8), "counted as the article counts its 68.7", OWN,
    ),
    Claim(
        "all together: F1 lost", said("5", "F1 指标损失控制在 1.5% 以内"), 1.5, "points", AT_MOST,
        Tolerance(0, "within"), f1_lost(BOTH8), "looser than the article's own table", OWN,
    ),
)  # fmt: skip

CLAIMS = (*INT8_IN_GENERAL, *STRUCTURE, *QUANTISED, *PRUNED, *TOGETHER, *TABLE, *PAGE, *SUMMARY)
