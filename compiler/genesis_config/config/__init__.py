"""From a parsed document to a typed configuration: includes, references, schema validation, views."""
