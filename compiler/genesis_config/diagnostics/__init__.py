"""What a finding is: source text and places in it, findings, suggestions of near names."""
