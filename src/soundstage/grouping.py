"""What a split must keep together, from what is known of artists, albums and songs."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_ROLES = (("group",), ("artist",), ("album", "song"))


def groups(known: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Return each track's group, as the connected components of what ties tracks together.

    A track without a group of its own belongs to all tracks of its artist; without an artist too,
    to all of its album and to all of its song; and so, by way of one another, whole chains of
    tracks are one group. It is named by the first group in it, else artist, and so on to the path.

    Parameters
    ----------
    known : group, artist, album, song and path, in this order; only paths are all known.
    """
    n = len(known["path"])
    number: dict[tuple[str, str], int] = {}
    ties: list[tuple[int, int]] = []
    tracks: Sequence[int] = range(n)  # those that nothing stronger ties, and so these roles do
    for roles in _ROLES:
        for role in roles:
            tying = {known[role][i] for i in tracks}
            ties += [
                (i, n + number.setdefault((role, name), len(number)))
                for i, name in enumerate(known[role])
                if name and name in tying
            ]
        tracks = [i for i in tracks if known[roles[0]][i] is None]
    a, b = np.array(ties, np.int64).reshape(-1, 2).T
    size = n + len(number)
    graph = coo_array((np.ones(len(ties), np.bool_), (a, b)), shape=(size, size))
    _, components = connected_components(graph, directed=False)

    first: dict[int, tuple[int, str]] = {}
    for component, *names in zip(components[:n], *known.values(), strict=True):
        found = next((rank, name) for rank, name in enumerate(names) if name)
        first[component] = min(first.get(component, found), found)
    return [first[component][1] for component in components[:n]]
