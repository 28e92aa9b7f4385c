"""From what was read, found and decided to the manifest."""
