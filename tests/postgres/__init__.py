"""Tests with a real Postgres: a postmaster of their own in a temporary directory."""
