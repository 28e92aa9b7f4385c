"""What all that talk HTTP share: proxies, redirects, limits, failures."""
