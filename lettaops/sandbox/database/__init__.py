"""The sandbox's Postgres: the wheel's programs, and a cluster with Letta's tables in it."""
