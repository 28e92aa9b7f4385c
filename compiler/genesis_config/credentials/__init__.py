"""Credentials: what counts as a secret, references to secrets and their lookup, and auth profiles."""
