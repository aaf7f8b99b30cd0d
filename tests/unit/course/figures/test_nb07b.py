"""The pictures of notebook 07b show the numbers they were given."""

from utils.course.figures import nb07b


def test_curves_draw_every_engine_in_every_panel():
    curves = {"torch": {32: 2.0, 500: 90.0}, "onnx": {32: 1.0, 500: 40.0}}
    figure = nb07b.engine_curves({"1 thread": curves, "2 threads": curves}, "characters")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["1 thread", "2 threads"]
    for axes in figure.axes:
        assert [list(line.get_ydata()) for line in axes.lines] == [list(c.values()) for c in curves.values()]


def test_rows_are_as_long_as_their_sentences_and_grey_up_to_the_longest(drawn):
    batches = {"apart": [[10], [30], [20]], "packed": [[30], [20, 10]]}
    assert drawn(lambda: nb07b.rows_figure(batches)).startswith(b"\x89PNG")
    apart, together = nb07b.rows_figure(batches).axes
    assert "3 × 30 positions, 33% padding" in apart.get_title("left")
    assert "2 × 30 positions, 0% padding" in together.get_title("left")
    bars = [(bar.get_y() + 0.4, bar.get_x(), bar.get_width()) for bar in apart.patches]
    assert [(x, width) for y, x, width in bars if round(y) == 0] == [(0, 10), (10, 20)]
    assert sorted(bar.get_width() for bar in together.patches) == [0, 0, 10, 20, 30]
