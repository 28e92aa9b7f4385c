"""From documents to the configuration: includes, references, the schema, typed access."""
