"""The language server: the findings of `genesis check` and the schema's documentation, in an editor.

Only `server` speaks the protocol. The other modules work on texts, documents and offsets: `open_files` keeps the open
texts and their check results, `cursor` and `places` locate an offset, `hover`, `completion`, `definition` and `actions`
answer requests about it, `positions` and `diagnostics` convert to the protocol.
"""
