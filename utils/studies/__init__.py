"""Experiments that notebooks and scripts run: many models made, scored, timed or trained, and put side by side.

In reading order:

- `article_code`: where the article's code fails, or answers something else than it says
- `score_contest`: which head score is right
- `sweep`: one pruning ratio after the other
- `recovery_race`: what each second of a recovery brings back
- `recovery_bars`: whether the accuracy comes back, on any corpus (`python -m utils.studies.recovery_bars`)
- `recovery_seeds`: budgets and amounts of data, each with several seeds (`python -m utils.studies.recovery_seeds`)
- `pattern_fusion`: attention as one operator by torch's older exporter and a search
- `rounding`: an engine's INT8 taken to pieces, one rounding at a time
- `loud_channels`: a channel far louder than the others, planted and smoothed away
- `sensitivity`: which part of a model suffers from INT8
- `int8_factors`: why one INT8 loses more than another (`python -m utils.studies.int8_factors`)
- `latency_table`, `cut_search`: which cut, in which engine, looked up instead of built
- `student_race`: two models of different shape, equally fast
- `pipeline`: head scores and the article's four versions, for notebooks that need them
- `waterfall`: what each change gives on the way from the original to a smaller model
- `compression`: any tagger made smaller to a target, all steps in one call
- `own_versions`: notebook 08's own versions, and how their cuts were chosen (`python -m utils.studies.own_versions`)
- `beside_lac`: beside what a user would take instead, Baidu's LAC (`python -m utils.studies.beside_lac`)
- `gpu`: torch, CUDA and TensorRT, with 32 bits and with 16 (`python -m utils.studies.gpu`)
- `adaptive`: cascades and exits, where easy input gets less computation
- `redundancy`: how much of a model is there twice (`python -m utils.studies.redundancy`)
- `published`: what pruning costs a real BERT
- `seed_spread`: how far scores stray with the seed (`python -m utils.studies.seed_spread`)
- `pretrained_base`: the BERT that the embedded model starts from (`python -m utils.studies.pretrained_base`)
- `fixed_shapes`, `lexical_teacher`, `mixed_batches`, `train_from_base`: how the embedded model was made
  (`python -m utils.studies.train_from_base`)
- `ingredients`: what each part of that training gives (`python -m utils.studies.ingredients`)
- `card`: what the embedded model says about itself (`python -m utils.studies.card`)

May import: `files`, `text`, `tagger`, `model`, `measure`, `compress`, `engines`.
"""
