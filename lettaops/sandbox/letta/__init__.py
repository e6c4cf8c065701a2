"""A stand-in for the Letta server 0.16.8: the endpoints that lettaops uses, on a real database.

Shapes and failures are those of the server's API description and of its observed behaviour. There is
no language model behind it: agents answer with words that mean nothing.
"""

VERSION = "0.16.8"
REVISION = "1c28e167b74f"  # the head of its database migrations
