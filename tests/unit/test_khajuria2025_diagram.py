"""Figure 1 shows an image of the run with the tokens that the study pools."""

from khajuria2025_page_fakes import GRIDS, object_tables
from sightline.studies.khajuria2025.diagram import draw, read_shown


def test_diagram_shows_the_tokens_of_the_last_layer(tmp_path):
    for name, table in object_tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    shown = read_shown(tmp_path)
    assert (shown.rows, shown.columns) == GRIDS[-1]
    assert shown.layers == len(GRIDS)
    assert (shown.primary, shown.secondary) == ([0], [8])
    assert shown.categories == ("cat & <b>", "hat")
    words = {text.get_text() for text in draw(shown).axes[0].texts}
    assert {"hat", f"states behind each of {len(GRIDS)} blocks"} <= words
