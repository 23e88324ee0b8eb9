import random

import networkx
import pytest

from soundstage.grouping import groups


def known(rows):
    """Rows of group, artist, album and song."""
    names = ("group", "artist", "album", "song")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return columns | {"path": [f"{i}.mp3" for i in range(len(rows))]}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(None,) * 4] * 2, ["0.mp3", "1.mp3"]),
        ([(None, "Who", None, None)] * 2, ["Who", "Who"]),
        ([("g", "Who", None, None), (None, "Who", None, None)], ["g", "g"]),
        ([("g", "Who", None, None), ("h", "Who", None, None)], ["g", "h"]),
        ([(None, "Queen", "Hits", "Intro"), (None, "ABBA", "Hits", "Intro")], ["Queen", "ABBA"]),
        ([(None, "Who", "Tommy", "a"), (None, None, "Tommy", "b"), (None, None, "Live", "b")],
         ["Who"] * 3),
    ],
)  # fmt: skip
def test_what_ties_tracks(rows, expected):
    assert groups(known(rows)) == expected


def together(one, other):
    """Say of two tracks whether they tie each other, by what `groups` promises."""
    group, artist, album, song = (
        mine is not None and mine == its for mine, its in zip(one, other, strict=True)
    )
    free = one[0] is None or other[0] is None
    unknown = any(track[0] is None and track[1] is None for track in (one, other))
    return group or (artist and free) or ((album or song) and unknown)


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_the_components_of_a_graph_of_pairs(seed):
    rng = random.Random(seed)
    rows = [
        tuple(rng.choice([None, None, f"{role}1", f"{role}2", f"{role}3"]) for role in "gabs")
        for _ in range(12)
    ]
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(rows)))
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    graph.add_edges_from((i, j) for i, j in pairs if together(rows[i], rows[j]))
    found = groups(known(rows))
    parts = {frozenset(i for i, name in enumerate(found) if name == mine) for mine in found}
    assert parts == set(map(frozenset, networkx.connected_components(graph)))
