"""What a secret is, references to secrets and their lookup, auth profiles."""
