"""Heads to take out of a model of three layers, from none of them to all."""

HEADS, NEURONS = 12, 20
ALL_HEADS, ALL_NEURONS = list(range(HEADS)), list(range(NEURONS))
HEAD_SETS = {
    "none": {},
    "one": {1: [5]},
    "uneven": {0: [0, 1, 7], 2: [11]},
    "one left": {1: [h for h in ALL_HEADS if h != 4]},
    "a whole layer": {1: ALL_HEADS},
    "a layer and some": {0: [3], 1: ALL_HEADS, 2: [0, 11]},
    "all": {0: ALL_HEADS, 1: ALL_HEADS, 2: ALL_HEADS},
}
