"""What is reachable now: status, doctor, and the probe that streams one token."""
