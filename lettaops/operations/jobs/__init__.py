"""Acts longer than a key press: they run in a process of their own session and keep a journal."""
