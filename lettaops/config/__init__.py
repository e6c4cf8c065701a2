"""lettaops' own configuration: where files are, profiles, their merging and checking."""
