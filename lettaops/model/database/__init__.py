"""Values of a Postgres database that Letta uses, and the rules about them. Pure."""
