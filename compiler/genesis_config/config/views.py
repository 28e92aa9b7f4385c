"""The typed configuration: views of its value that know their places in the document.

    config = Config(document, expansion)
    for provider in config.providers:
        provider.base_url, provider.at(keys.BASE_URL).span
        for model in provider.models:
            model.context_window

A value that is missing or has the wrong type is treated as absent; validation reports the latter. A string with an
unresolved reference has no known value and is treated as absent, too. Views refer to the value and never copy it. They
are created on first access, then kept, because several rules iterate over 10,000 models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genesis_config.config import keys
from genesis_config.config.expansion import Expansion, text_span
from genesis_config.config.keys import is_extension
from genesis_config.config.paths import config_path
from genesis_config.credentials.patterns import without_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from genesis_config.diagnostics.finding import Path
    from genesis_config.diagnostics.source import Span
    from genesis_config.syntax import Document

__all__ = [
    "ApiKey",
    "Auth",
    "Config",
    "Header",
    "ModelEntry",
    "ModelRef",
    "Object",
    "Place",
    "Provider",
    "SelectedModel",
    "Selection",
    "split_ref",
]

_EMPTY: Mapping[str, object] = {}


class Place:
    """The place of a value in a document or, with `is_key`, of the value's key."""

    __slots__ = ("document", "is_key", "path")

    def __init__(self, document: Document, path: Path, *, is_key: bool = False) -> None:
        self.document = document
        self.path = path
        self.is_key = is_key

    def __str__(self) -> str:
        """Return the path as shown in messages."""
        return config_path(self.path)

    @property
    def key(self) -> Place:
        """The place of the key at this path."""
        return Place(self.document, self.path, is_key=True)

    @property
    def span(self) -> Span:
        """The span of the value or key; if the path does not exist, of the nearest enclosing value."""
        return self.document.key_span(self.path) if self.is_key else self.document.value_span(self.path)

    @property
    def is_damaged(self) -> bool:
        """Whether a syntax error affected the value."""
        return self.document.is_damaged(self.path)

    def at(self, *path: str | int) -> Place:
        """Return the place at a path relative to this one."""
        return Place(self.document, (*self.path, *path))

    def show(self, text: str) -> str:
        """Return text of this place as messages may show it, with `***` for any part that could be a secret."""
        if self.is_key:
            return without_keys(text)
        from genesis_config.config.positions import shown  # for findings: 3 % of a check without cached bytecode

        return shown(self.path, text)

    def part(self, text: str, start: int, end: int) -> Span:
        """Return the span of the characters `start` to `end` of the string at this place, whose value is `text`.

        That is the span of the whole string if it contains escapes.
        """
        return text_span(self.document, self.path, text, start, end)


class Object:
    """An object of the configuration; the base class of the views."""

    __slots__ = ("config", "value")

    def __init__(self, config: Config, value: Mapping[str, object]) -> None:
        self.config = config
        self.value = value

    @property
    def path(self) -> Path:
        """The path from the root."""
        return ()

    @property
    def place(self) -> Place:
        """The place in the document."""
        return Place(self.config.document, self.path)

    def at(self, *path: str | int) -> Place:
        """Return the place at a path relative to this object, whether or not it has a value."""
        return Place(self.config.document, (*self.path, *path))

    def sets(self, key: str) -> bool:
        """Return whether the object has this key, whatever its value."""
        return key in self.value

    def text(self, *path: str) -> str | None:
        """Return the string at a path relative to this object; None if there is none or its value is unknown."""
        value: object = self.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if type(value) is not str:
            return None
        return value if self.config.is_known(*self.path, *path) else None

    def object(self, key: str) -> Mapping[str, object]:
        """Return the object at a key, or an empty one."""
        value = self.value.get(key)
        return value if isinstance(value, dict) else _EMPTY

    def integer(self, key: str) -> int | None:
        """Return the integer at a key, which may be written as `8192.0`; None if there is none."""
        value = self.value.get(key)
        if type(value) is int:
            return value
        return int(value) if type(value) is float and value.is_integer() else None


class Header:
    """A header of a provider or model.

    Attributes:
        owner: The object that sets it.
        name: The name as written.
        value: The value in the expanded configuration, in which references to secrets stay as written; None if it is
            not a string.
    """

    __slots__ = ("name", "owner", "value")

    def __init__(self, owner: Object, name: str, value: str | None) -> None:
        self.owner = owner
        self.name = name
        self.value = value

    @property
    def place(self) -> Place:
        """The place of its value."""
        return self.owner.at(keys.HEADERS, self.name)


class _WithParams(Object):
    """An object that sets request parameters."""

    __slots__ = ()

    @property
    def params(self) -> Mapping[str, object]:
        """The request parameters."""
        return self.object(keys.PARAMS)


class _Sender(_WithParams):
    """An object that sets request parameters and headers."""

    __slots__ = ()

    @property
    def headers(self) -> Sequence[Header]:
        """The headers, in order."""
        if keys.HEADERS not in self.value:
            return ()
        return [
            Header(self, name, value if isinstance(value, str) else None)
            for name, value in self.object(keys.HEADERS).items()
        ]


class Provider(_Sender):
    """A declared provider: an entry of `models.providers`."""

    __slots__ = ("_all_headers", "_models", "id")

    def __init__(self, config: Config, identifier: str, value: Mapping[str, object]) -> None:
        super().__init__(config, value)
        self.id = identifier
        self._models: tuple[ModelEntry, ...] | None = None
        self._all_headers: tuple[Header, ...] | None = None

    @property
    def path(self) -> Path:
        """The path from the root."""
        return (*keys.PROVIDERS, self.id)

    @property
    def base_url(self) -> str | None:
        """The base URL; None if it is not set or its value is unknown."""
        return self.text(keys.BASE_URL)

    @property
    def api(self) -> str | None:
        """The name of the API."""
        return self.text(keys.API)

    @property
    def api_key(self) -> ApiKey | None:
        """The key; None if it is not set, or neither a string nor an object."""
        value = self.value.get(keys.API_KEY)
        return ApiKey(self, value) if isinstance(value, str | dict) else None

    @property
    def has_api_key(self) -> bool:
        """Whether a key is set. A key that is empty or only whitespace does not count."""
        value = self.value.get(keys.API_KEY)
        return bool(value.strip() if isinstance(value, str) else value)

    @property
    def timeout_seconds(self) -> int | None:
        """The number of seconds without data after which a stream fails."""
        return self.integer(keys.TIMEOUT_SECONDS)

    @property
    def max_connections(self) -> int | None:
        """The maximum number of simultaneous connections."""
        return self.integer(keys.MAX_CONNECTIONS)

    @property
    def is_dynamic(self) -> bool:
        """Whether a wildcard enables discovery of the provider's models."""
        return self.config.is_dynamic(self.id)

    @property
    def models(self) -> tuple[ModelEntry, ...]:
        """The models that have an id, in order."""
        if self._models is None:
            value = self.value.get(keys.MODELS)
            self._models = tuple(
                ModelEntry(self, index, model)
                for index, model in enumerate(value if isinstance(value, list) else ())
                if type(model) is dict and type(model.get(keys.ID)) is str
            )
        return self._models

    @property
    def all_headers(self) -> tuple[Header, ...]:
        """The headers of the provider, then those of its models; several rules check them."""
        if self._all_headers is None:
            self._all_headers = tuple(header for owner in (self, *self.models) for header in owner.headers)
        return self._all_headers

    @property
    def model_count(self) -> int | None:
        """The number of items in the list of models, valid or not; None if it is not a list."""
        value = self.value.get(keys.MODELS)
        return len(value) if isinstance(value, list) else None


class ModelEntry(_Sender):
    """A declared model: an item of a provider's `models`."""

    __slots__ = ("index", "provider")

    def __init__(self, provider: Provider, index: int, value: Mapping[str, object]) -> None:
        self.config = provider.config
        self.value = value
        self.provider = provider
        self.index = index

    @property
    def path(self) -> Path:
        """The path from the root."""
        return (*self.provider.path, keys.MODELS, self.index)

    @property
    def id(self) -> str:
        """The id, in which unresolved references stay as written."""
        return str(self.value[keys.ID])

    @property
    def has_known_id(self) -> bool:
        """Whether all references in the id are resolved."""
        return self.config.is_known(*self.path, keys.ID)

    @property
    def reference(self) -> str:
        """The model reference: `provider/model`."""
        return f"{self.provider.id}/{self.id}"

    @property
    def name(self) -> str | None:
        """The display name."""
        value = self.value.get(keys.NAME)
        return value if isinstance(value, str) else None

    @property
    def reasoning(self) -> bool | None:
        """Whether it is a reasoning model."""
        value = self.value.get(keys.REASONING)
        return value if isinstance(value, bool) else None

    @property
    def input(self) -> tuple[str, ...] | None:
        """The input types that it accepts; items that are not strings are left out."""
        value = self.value.get(keys.INPUT)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else None

    @property
    def context_window(self) -> int | None:
        """The context window in tokens."""
        return self.integer(keys.CONTEXT_WINDOW)

    @property
    def max_tokens(self) -> int | None:
        """The maximum number of output tokens."""
        return self.integer(keys.MAX_TOKENS)

    @property
    def max_tokens_field(self) -> str | None:
        """The name of the request field for the output token limit."""
        return self.text(keys.COMPAT, keys.MAX_TOKENS_FIELD)

    @property
    def cost(self) -> Mapping[str, float]:
        """The prices by the configuration's names for them, per million tokens."""
        return {
            name: price
            for name, price in self.object(keys.COST).items()
            if isinstance(price, int | float) and not isinstance(price, bool)
        }


class ApiKey:
    """The key of a provider: a string, or an object that locates it."""

    __slots__ = ("provider", "value")

    def __init__(self, provider: Provider, value: str | dict[str, object]) -> None:
        self.provider = provider
        self.value = value

    @property
    def place(self) -> Place:
        """The place in the document."""
        return self.provider.at(keys.API_KEY)

    @property
    def written(self) -> str | None:
        """The string with its references as written; None if the key is an object."""
        return self.value if isinstance(self.value, str) else None

    @property
    def variable(self) -> str | None:
        """The name of the variable, if the key is `{source: "env", id}`."""
        return self._field("env", keys.ID)

    @property
    def file(self) -> str | None:
        """The path of the file, if the key is `{source: "file", path}`."""
        return self._field("file", keys.PATH)

    def _field(self, source: str, name: str) -> str | None:
        if isinstance(self.value, str) or self.value.get(keys.SOURCE) != source:
            return None
        value = self.value.get(name)
        return value if isinstance(value, str) else None


class ModelRef:
    """A reference to a model, `provider/model`.

    Attributes:
        path: Its path.
        text: Its text in the expanded configuration.
        is_key: Whether it is the key at `path` rather than the value.
        provider: The part before the first slash; None if the text is not a valid reference.
        model: The part after the first slash; None if the text is not a valid reference.
    """

    __slots__ = ("config", "is_key", "model", "path", "provider", "text")

    def __init__(self, config: Config, path: Path, text: str, *, is_key: bool = False) -> None:
        self.config = config
        self.path = path
        self.text = text
        self.is_key = is_key
        parts = split_ref(text)
        self.provider = parts[0] if parts else None
        self.model = parts[1] if parts else None

    @property
    def place(self) -> Place:
        """The place in the document."""
        return Place(self.config.document, self.path, is_key=self.is_key)

    def __str__(self) -> str:
        """Return the text as shown in messages."""
        return self.place.show(self.text)

    @property
    def is_known(self) -> bool:
        """Whether all variables in it are resolved."""
        return self.is_key or self.config.is_known(*self.path)

    @property
    def owner(self) -> Place:
        """The place that messages name: the object that contains it as a key, or the reference itself."""
        return Place(self.config.document, self.path[:-1] if self.is_key else self.path)

    @property
    def is_wildcard(self) -> bool:
        """Whether it matches all models of its provider."""
        return self.model == "*"

    @property
    def is_misplaced_wildcard(self) -> bool:
        """Whether it is a wildcard where only a single model is allowed."""
        return self.model == "*" and not self.is_key

    @property
    def is_fallback(self) -> bool:
        """Whether it is an item of `fallbacks`."""
        return self.path[-2:-1] == (keys.FALLBACKS,)


class SelectedModel(_WithParams):
    """An entry of `agents.defaults.models`: settings for one model, or a wildcard."""

    __slots__ = ("reference",)

    def __init__(self, config: Config, text: str, value: Mapping[str, object]) -> None:
        super().__init__(config, value)
        self.reference = ModelRef(config, (*keys.SELECTED, text), text, is_key=True)

    @property
    def path(self) -> Path:
        """The path from the root."""
        return self.reference.path

    @property
    def alias(self) -> str | None:
        """The alias, in which unresolved references stay as written."""
        value = self.value.get(keys.ALIAS)
        return value if isinstance(value, str) else None

    @property
    def has_known_alias(self) -> bool:
        """Whether all references in the alias are resolved."""
        return self.config.is_known(*self.path, keys.ALIAS)


class Selection:
    """The models that are used by default, and the settings for them."""

    __slots__ = ("_aliases", "_config", "_entries", "_references")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._aliases: dict[str, list[SelectedModel]] | None = None
        self._references: tuple[ModelRef, ...] | None = None
        self._entries: tuple[SelectedModel, ...] | None = None

    @property
    def references(self) -> tuple[ModelRef, ...]:
        """The primary model, then the fallbacks in order."""
        if self._references is None:
            self._references = tuple(self._iterate_references())
        return self._references

    @property
    def primary(self) -> ModelRef | None:
        """The model that is used first."""
        return next((reference for reference in self.references if not reference.is_fallback), None)

    @property
    def fallbacks(self) -> tuple[ModelRef, ...]:
        """The models that are tried, in order, if the primary fails."""
        return tuple(reference for reference in self.references if reference.is_fallback)

    @property
    def entries(self) -> tuple[SelectedModel, ...]:
        """The entries of `agents.defaults.models`, in order."""
        if self._entries is None:
            self._entries = tuple(
                SelectedModel(self._config, text, entry)
                for text, entry in _object(self._config.value, keys.SELECTED).items()
                if isinstance(entry, dict) and not is_extension(text)
            )
        return self._entries

    @property
    def aliases(self) -> Mapping[str, list[SelectedModel]]:
        """The entries that have an alias, by alias."""
        if self._aliases is None:
            self._aliases = {}
            for entry in self.entries:
                if entry.alias is not None:
                    self._aliases.setdefault(entry.alias, []).append(entry)
        return self._aliases

    def entry(self, reference: str) -> SelectedModel | None:
        """Return the entry for a model reference; None if there is none."""
        entry = _object(self._config.value, keys.SELECTED).get(reference)
        return SelectedModel(self._config, reference, entry) if isinstance(entry, dict) else None

    def _iterate_references(self) -> Iterator[ModelRef]:
        base = keys.SELECTION
        selection = _object(self._config.value, base[:-1]).get(keys.MODEL)
        if isinstance(selection, str):
            yield ModelRef(self._config, base, selection)
        elif isinstance(selection, dict):
            primary = selection.get(keys.PRIMARY)
            if isinstance(primary, str):
                yield ModelRef(self._config, (*base, keys.PRIMARY), primary)
            fallbacks = selection.get(keys.FALLBACKS)
            for index, text in enumerate(fallbacks if isinstance(fallbacks, list) else ()):
                if isinstance(text, str):
                    yield ModelRef(self._config, (*base, keys.FALLBACKS, index), text)


class Auth:
    """The declared auth profiles and their order."""

    __slots__ = ("_config",)

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def profile_ids(self) -> tuple[str, ...]:
        """The ids of the declared profiles, in order."""
        return tuple(name for name in _object(self._config.value, keys.PROFILES) if not is_extension(name))

    def order(self, provider: str) -> list[str] | None:
        """Return the profiles to try for a provider, in order; None if no order is set."""
        order = _object(self._config.value, keys.ORDER).get(provider)
        return [name for name in order if isinstance(name, str)] if isinstance(order, list) else None

    def profiles_of(self, provider: str) -> list[str]:
        """Return the ids of the profiles declared for a provider."""
        profiles = _object(self._config.value, keys.PROFILES)
        return [name for name in self.profile_ids if _object(profiles, (name,)).get(keys.PROVIDER) == provider]


class Config:
    """A configuration: the document, and its value with references resolved."""

    __slots__ = ("_providers", "_selection", "document", "expansion")

    def __init__(self, document: Document, expansion: Expansion) -> None:
        self.document = document
        self.expansion = expansion
        self._providers: tuple[Provider, ...] | None = None
        self._selection: Selection | None = None

    @classmethod
    def written(cls, document: Document) -> Config:
        """Return the configuration as it is written: every string is known, and references are text."""
        return cls(document, Expansion(document.value, {}, []))

    @property
    def value(self) -> object:
        """The value, expanded as far as possible."""
        return self.expansion.value

    def is_known(self, *path: str | int) -> bool:
        """Return whether all references in the string at a path are resolved."""
        strings = self.expansion.strings
        if not strings:
            return True
        string = strings.get(path)
        return string is None or string.resolved.value is not None

    def at(self, *path: str | int) -> Place:
        """Return the place at a path."""
        return Place(self.document, path)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The declared providers, in order."""
        if self._providers is None:
            self._providers = tuple(
                Provider(self, name, entry)
                for name, entry in _object(self.value, keys.PROVIDERS).items()
                if isinstance(entry, dict) and not is_extension(name)
            )
        return self._providers

    def provider(self, identifier: str) -> Provider | None:
        """Return the declared provider with this id; None if there is none."""
        return next((provider for provider in self.providers if provider.id == identifier), None)

    def provider_of_model(self, model: str) -> Provider | None:
        """Return the first provider that declares a model with this id; None if there is none."""
        return next(
            (provider for provider in self.providers if any(entry.id == model for entry in provider.models)), None
        )

    def declares(self, provider: str) -> bool:
        """Return whether a provider has an entry, whatever its type."""
        return provider in _object(self.value, keys.PROVIDERS)

    def is_dynamic(self, provider: str) -> bool:
        """Return whether a wildcard in `agents.defaults.models` enables discovery of a provider's models."""
        return f"{provider}/*" in _object(self.value, keys.SELECTED)

    @property
    def selection(self) -> Selection:
        """The models that are used by default."""
        if self._selection is None:
            self._selection = Selection(self)
        return self._selection

    @property
    def auth(self) -> Auth:
        """The declared auth profiles and their order."""
        return Auth(self)

    @property
    def variables(self) -> dict[str, str]:
        """The variables that `env.vars` declares."""
        return {name: text for name, text in _object(self.value, keys.ENV_VARS).items() if isinstance(text, str)}

    @property
    def references(self) -> Iterator[ModelRef]:
        """All model references: those of the selection, then the keys of `agents.defaults.models`."""
        yield from self.selection.references
        for entry in self.selection.entries:
            yield entry.reference

    @property
    def named_providers(self) -> list[str]:
        """The ids of all providers that are declared or referenced, sorted."""
        named = {reference.provider for reference in self.references if reference.provider is not None}
        return sorted(named | {provider.id for provider in self.providers})

    @property
    def needed_providers(self) -> Iterator[tuple[str, ModelRef]]:
        """The providers of selected models and wildcards, each with a reference to it.

        The configuration does not work without them.
        """
        for reference in self.references:
            if reference.provider is not None and (not reference.is_key or reference.text.endswith("/*")):
                yield reference.provider, reference


def split_ref(reference: str) -> tuple[str, str] | None:
    """Split `provider/model` at the first slash; None if a side is empty or has whitespace around it."""
    provider, slash, model = reference.partition("/")
    if not slash or not provider or not model or provider != provider.strip() or model != model.strip():
        return None
    return provider, model


def _object(value: object, path: Path) -> Mapping[str, object]:
    """Return the object at a path, or an empty one."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else _EMPTY
