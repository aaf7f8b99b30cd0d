"""One reader a file format: a path in, sentences out, `CorpusError` with file and line where a line is wrong.

In reading order:

- `lines`: the lines of a file, plain or compressed
- `bracketed`: our own format, `[陈默](PER)说`
- `conll`: one character and its tag a line
- `jsonl`: one JSON object a sentence
- `plain`: text without annotation

May import: `utils.text.entities`, `utils.text.tags`, `utils.text.segmentation`.
"""
