"""The language server: what `genesis check` finds, and what the schema says, in an editor.

`server` is what speaks the protocol. All else is functions of texts, documents and offsets: `open_files` holds the open
texts and what checking made of them, `cursor` and `places` say where an offset is, `hover`, `completion`, `definition`
and `actions` answer what is asked of it, `positions` and `diagnostics` translate.
"""
