"""A container's whole inspect document as a tree: folded, searched, secrets masked."""

from collections.abc import Iterator, Mapping

from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from lettaops.model.engine import Environment
from lettaops.model.secrets import presentable

from .widgets.glyphs import drawable

_OPEN_AT_FIRST = ("State", "NetworkSettings")


class InspectTree(Tree[str]):
    """The document of one container. Node data is the node's text, for the search."""

    def __init__(self, *, id: str) -> None:
        super().__init__(Text("not read yet"), id=id)
        self._of = ""

    @property
    def shows(self) -> str:
        """The id of the container whose document is shown; empty for none."""
        return self._of

    def show_document(self, container_id: str, document: Mapping[str, object]) -> None:
        """Show a document, its first level open."""
        self._of = container_id
        self.clear()
        self.root.set_label(self._label(str(document.get("Name", container_id))))
        for name, value in document.items():
            self._add(self.root, name, value, opened=name in _OPEN_AT_FIRST)
        self.root.expand()

    def say(self, words: str) -> None:
        """Show a sentence instead of a document."""
        self._of = ""
        self.clear()
        self.root.set_label(self._label(words))

    def find(self, text: str) -> bool:
        """Open the next node, behind the cursor and around, that holds a text; whether there is one."""
        nodes = list(self._all(self.root))
        here = self.cursor_node
        start = nodes.index(here) + 1 if here in nodes else 0
        for node in nodes[start:] + nodes[:start]:
            if text.lower() in (node.data or "").lower():
                parent = node.parent
                while parent is not None:
                    parent.expand()
                    parent = parent.parent
                self.call_after_refresh(self.move_cursor, node)
                return True
        return False

    def _add(self, parent: TreeNode[str], name: str, value: object, *, opened: bool = False) -> None:
        if name == "Env" and isinstance(value, list):
            value = {k: str(v) for k, v in Environment(tuple(map(str, value))).items().items()}
        if isinstance(value, dict | list) and value:
            node = parent.add(self._label(name), data=presentable(name), expand=opened)
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in pairs:
                self._add(node, str(key), item)
            return
        shown = (
            "–"
            if value in (None, "", [], {})
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)
        )
        words = presentable(f"{name}: {shown}")
        parent.add_leaf(self._label(words), data=words)

    def _label(self, words: str) -> Text:
        safe = presentable(words)
        return Text(drawable(safe, self.app))

    def _all(self, node: TreeNode[str]) -> Iterator[TreeNode[str]]:
        for child in node.children:
            yield child
            yield from self._all(child)
