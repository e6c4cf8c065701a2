"""All that stands between Textual and the operator's terminal; nothing else knows Textual's internals."""

import os

from lettaops.terminal.capabilities import neutralise

# Before any module of this package can import Textual, which reads its variables then.
neutralise(os.environ)
