"""The JSON Schemas of Genesis, as data: `config.schema.json` and `manifest.schema.json` (draft 2020-12)."""
