"""Keeping a picture of a stack's database: the ways to it, one look, and the watch."""
