"""Logs of all services: lines as they were read, records made of them, and what is asked of them. Pure."""
