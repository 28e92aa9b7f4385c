"""Files: reading them safely, and replacing them atomically."""
