"""The command line: data on stdout, talk on stderr, an exit status that scripts can rely on."""
