"""What the papers printed, and which of their items a run produced."""

import pandas as pd
import pytest

from sightline.report.items import item_status
from sightline.studies.published import (
    PublishedError,
    find_published,
    load_items,
    load_published,
    output_files,
)

ITEMS = """item,kind,title,outputs,reason
tab1,table,"Loss, by subset",csv;md;tex,not built yet
fig3,figure,Patches,pdf;png;csv,not built yet
num1,number,Share of positions,csv,needs a checkpoint
extra4,page,Logit lens,html; extra4_data.json,not built yet
"""
PUBLISHED = """item,model,row,column,value,unit,source,trust
tab1,llava-1.5-7b,object,generative,33.33,percent,"re-implementation, readme",second-hand
tab1,llava-1.5-7b,register,generative,unknown,percent,not found,unknown
tab1,None,object,polling,0,percent,table,paper
"""


@pytest.fixture
def root(tmp_path):
    """A folder of studies with one study, ``small``."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "items.csv").write_text(ITEMS)
    (tmp_path / "small" / "published.csv").write_text(PUBLISHED)
    return tmp_path


def edit(root, name, old, new):
    path = root / "small" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_an_item_is_produced_when_all_its_files_hold_something(root):
    results = root / "results"
    results.mkdir()
    for name in ("tab1.csv", "tab1.md", "tab1.tex", "fig3.pdf", "fig3.csv"):
        (results / name).write_text("x\n1\n")
    (results / "fig3.png").touch()
    frame = item_status("small", load_items("small", root), results)
    assert list(frame.columns) == ["study", "item", "kind", "title", "status", "reason"]
    assert frame[["item", "status", "reason"]].to_numpy().tolist() == [
        ["tab1", "produced", ""],
        ["fig3", "not run", "incomplete: fig3.png absent or empty"],
        ["num1", "not run", "needs a checkpoint"],
        ["extra4", "not run", "not built yet"],
    ]


def test_a_table_of_no_rows_is_no_result(root):
    """A figure that only says that nothing was measured has columns beside it, and no row."""
    results = root / "results"
    results.mkdir()
    for name in ("fig3.pdf", "fig3.png"):
        (results / name).write_text("x")
    (results / "fig3.csv").write_text("model,n\n")
    frame = item_status("small", load_items("small", root), results).set_index("item")
    assert frame.loc["fig3", "reason"] == "incomplete: fig3.csv absent or empty"


def test_a_run_without_results_lists_everything_as_not_run(root):
    frame = item_status("small", load_items("small", root), root / "absent")
    assert set(frame["status"]) == {"not run"}


def test_outputs_are_suffixes_or_whole_names():
    assert output_files("extra4", "html; extra4_data.json") == ["extra4.html", "extra4_data.json"]


def test_published_values_are_numbers_or_unknown(root):
    frame = load_published("small", root)
    assert frame["value"].isna().tolist() == [False, True, False]
    assert frame["model"].tolist()[2] == "None"
    found = find_published(frame, "tab1", "llava-1.5-7b", "object", "generative")
    assert (found.value, found.unit, found.trust) == (33.33, "percent", "second-hand")
    assert find_published(frame, "tab1", "llava-1.5-7b", "register", "generative").value is None
    absent = find_published(frame, "tab1", "llava-1.5-7b", "object", "vqa")
    assert (absent.value, absent.source, absent.trust) == (None, "not found", "unknown")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("published.csv", "33.33", "a third", "line 2: value 'a third' is neither a number"),
        ("published.csv", "33.33", "", "line 2: value '' is neither a number"),
        ("published.csv", ",second-hand", ",hearsay", "line 2: trust 'hearsay' is none of paper"),
        ("published.csv", "None,object,polling", "llava-1.5-7b,object,generative", "line 4: .*one"),
        ("published.csv", "unit", "units", "columns are .* expected item,model,row,column"),
        ("items.csv", ",number,", ",digit,", "line 4: kind 'digit' is none of figure"),
        ("items.csv", ",csv,needs", ",,needs", "line 4: outputs is empty"),
        ("items.csv", "needs a checkpoint", "", "line 4: reason is empty"),
        ("items.csv", "num1", "tab1", "line 4: tab1 was given before"),
        ("items.csv", "Patches", "Patches, words", "Quote cells that hold commas"),
    ],
)
def test_a_slip_in_a_file_is_named_with_its_line(root, name, old, new, message):
    edit(root, name, old, new)
    with pytest.raises(PublishedError, match=message) as caught:
        (load_published if name == "published.csv" else load_items)("small", root)
    assert str(root / "small" / name) in str(caught.value)


def test_a_missing_file_says_which_columns_it_needs(root):
    with pytest.raises(PublishedError, match=r"published\.csv is missing; .*item,model,row"):
        load_published("other", root)


def test_command_writes_the_list(root, tmp_path, monkeypatch):
    import argparse

    from sightline.report import items as module

    monkeypatch.setattr(module, "load_items", lambda study: load_items(study, root))
    arguments = argparse.Namespace(study="small", folder=tmp_path, out=tmp_path / "items.csv")
    module.main(arguments)
    frame = pd.read_csv(tmp_path / "items.csv")
    assert frame["study"].tolist() == ["small"] * 4
