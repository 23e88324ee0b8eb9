import library
import pytest

from soundstage import resume, views


@pytest.fixture(autouse=True)
def main_checkout(tmp_path, monkeypatch):
    """Have states of training kept under `tmp_path`, and all of them, however short an epoch."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(resume, "SHARE", float("inf"))


@pytest.fixture
def view(fill, tmp_path):
    """Return a function that writes a view of sixty clips; `tables` are their tracks and parts."""
    table, parts, rows, rejections = library.make(60)
    feature = fill("stats", rows, axes=("sample",), rejections=rejections)

    def write(target="genre"):
        path = tmp_path / "data" / "views" / f"{target}.parquet"
        built = views.build(table, parts, feature, model="m", target=target, code="c")
        views.write(built, path)
        return path

    write.tables = table, parts
    return write
