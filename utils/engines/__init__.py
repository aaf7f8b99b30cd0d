"""The tagger in other engines: exported, quantised, checked, run, and measured side by side.

In reading order:

- `onnx_export`: from torch to a graph of operators
- `onnx_files`: the directory around a graph, and what a tagger reads from it
- `onnx_session`: running a graph in ONNX Runtime; the backend of a `Tagger`
- `onnx_providers`: a session on the provider that was named, or none
- `byte_products`: whether this CPU sums products of bytes exactly
- `subnormals`: numbers so near zero that a CPU is slow with them, taken for zero
- `onnx_quantize`: graphs in eight bits, dynamic and static
- `onnx_half`: graphs in float16
- `onnx_profile`: where the time of a graph goes, operator by operator
- `arithmetic_bound`: the least time that its products would take on this CPU
- `onnx_exits`: a network with exits, one graph from each to the next
- `cascade_files`: a small tagger and a large one, in one directory
- `onnx_checks`: what is wrong with a graph, said before it is shipped
- `openvino`: another engine for the same graphs, and its own eight bits
- `variants`: versions of one tagger measured in turns, one ledger row each
- `pareto`: which of the measured engines to pick

May import: `files`, `text`, `tagger`, `model`, `measure`, `compress`.
"""
