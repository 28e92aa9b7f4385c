"""The rules: what is wrong with a configuration that its schema allows."""
