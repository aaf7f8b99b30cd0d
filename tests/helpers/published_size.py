"""Parameters of the published RaNER, written out by hand from its shapes."""

ATTENTION = 12 * (4 * (768 * 768 + 768) + 2 * 768)
FEED_FORWARD = 12 * (2 * 768 * 3072 + 3072 + 768 + 2 * 768)
EMBEDDINGS = (21128 + 512 + 2) * 768 + 2 * 768
TAGGING = 768 * 13 + 13 + 13 * 13 + 2 * 13
TOTAL = ATTENTION + FEED_FORWARD + EMBEDDINGS + TAGGING
