"""A deployment on any machine, without Docker: for newcomers and for tests. Nothing else imports it."""
