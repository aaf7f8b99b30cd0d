"""One reader a file format: a path in, sentences out, `CorpusError` with file and line where a line is wrong.

In reading order:

- `lines`: the lines of a file, plain or compressed, and how an error quotes one
- `bracketed`: our own format, `[陈默](PER)说`
- `conll`: one character and its tag a line
- `records`: sentences as JSON objects: ours, CLUENER's, doccano's, AdaSeq's, CMeEE's
- `jsonl`: one JSON object a line, or a list of them
- `detect`: which of these a file is
- `plain`: text without annotation

May import: `utils.files`, `utils.text.entities`, `utils.text.tags`, `utils.text.segmentation`.
"""
