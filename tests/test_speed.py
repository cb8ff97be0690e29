"""The measurements of speed: what they draw. What they time is told where it is told."""

from benchmarks.speed import figures


def test_a_picture_of_the_roof_shows_what_was_timed(tmp_path):
    times = {"roof": 1e-6, "engine": 2e-6, "plain": 4e-6, "fused": 3e-6}
    figures.draw({("sgd", 8): times, ("adam", 512): times}, tmp_path / "roof.svg")
    drawn = (tmp_path / "roof.svg").read_text()
    assert all(word in drawn for word in ("8 units", "512 units", "engine, Adam", "in one sweep"))
