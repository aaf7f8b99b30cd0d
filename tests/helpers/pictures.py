"""What pictures are asked in tests."""


def texts(figure):
    """Everything that is written in a figure."""
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}
