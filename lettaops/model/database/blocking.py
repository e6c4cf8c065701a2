"""Who waits for whom, as a tree: the sessions that hold others up at the roots."""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from lettaops.model.database.sessions import Session
from lettaops.model.text import Safe

PREPARED: int = 0  # what pg_blocking_pids gives for a prepared transaction, which has no process


class Knot(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the tree, in the order in which it is drawn.

    `depth` 0: it waits for nobody. `session` None: a prepared transaction, or one that is gone or hidden.
    `also`: further sessions that it waits for, which stand elsewhere in the tree. `behind`: how many wait for
    it, directly or through others. `circle`: it waits for itself through others, until Postgres ends the
    deadlock.
    """

    pid: int
    depth: int
    session: Session | None = None
    also: tuple[int, ...] = ()
    behind: int = 0
    circle: bool = False

    @property
    def words(self) -> Safe:
        """What stands for a line without a session."""
        return Safe("a prepared transaction") if self.pid == PREPARED else Safe("a session that isn't seen")


def blocking_tree(sessions: Sequence[Session]) -> tuple[Knot, ...]:
    """The tree of all sessions that wait for a lock and of those they wait for.

    A session that waits for one that itself waits stands below the latter only: ending its parent, not its
    grandparent, is what may let it go on.
    """
    known = {each.pid: each for each in sessions}
    waits = {each.pid: tuple(dict.fromkeys(each.blocked_by)) for each in sessions if each.blocked_by}
    nearest = {pid: _nearest(pid, waits) for pid in waits}
    children = _waiters({pid: blockers[:1] for pid, blockers in nearest.items()})
    everybody = _waiters(waits)
    roots = [pid for pid in dict.fromkeys(b for many in waits.values() for b in many) if pid not in waits]
    lines: list[Knot] = []
    drawn: set[int] = set()
    # What can't be reached from a root goes round in a circle: it is drawn from its oldest session on.
    for root, circle in [*((pid, False) for pid in roots), *((pid, True) for pid in waits)]:
        if root in drawn:
            continue
        for pid, depth in _walk(root, children, drawn):
            lines.append(
                Knot(
                    pid=pid,
                    depth=depth,
                    session=known.get(pid),
                    also=nearest.get(pid, ())[1:],
                    behind=len(_walk(pid, everybody, set())) - 1,
                    circle=circle and pid == root,
                )
            )
    return tuple(lines)


def _nearest(pid: int, waits: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    """Those of a session's blockers that none of its other blockers waits for; all of them in a circle."""
    blockers = waits[pid]
    further = {one: _all_waited_for(one, waits) for one in blockers}
    near = [one for one in blockers if not any(one in further[other] for other in blockers if other != one)]
    return tuple(near) or blockers


def _all_waited_for(pid: int, waits: Mapping[int, tuple[int, ...]]) -> set[int]:
    found: set[int] = set()
    queue = deque(waits.get(pid, ()))
    while queue:
        each = queue.popleft()
        if each not in found:
            found.add(each)
            queue.extend(waits.get(each, ()))
    return found


def _waiters(waits: Mapping[int, tuple[int, ...]]) -> dict[int, list[int]]:
    """Those that wait for each, turned around."""
    found: dict[int, list[int]] = {}
    for pid, blockers in waits.items():
        for blocker in blockers:
            found.setdefault(blocker, []).append(pid)
    return found


def _walk(root: int, children: Mapping[int, list[int]], drawn: set[int]) -> list[tuple[int, int]]:
    """The pids below a root with their depths, each before its children. Marks them as drawn."""
    found: list[tuple[int, int]] = []
    stack = [(root, 0)]
    while stack:
        pid, depth = stack.pop()
        if pid in drawn:
            continue
        drawn.add(pid)
        found.append((pid, depth))
        stack.extend((each, depth + 1) for each in reversed(children.get(pid, ())))
    return found
