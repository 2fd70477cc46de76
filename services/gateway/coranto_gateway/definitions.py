"""What people have set up and Redis keeps under a name: webhooks, alerts, tokens and saved feeds.

Each is read by itself. One that was written by another version, or damaged, and cannot be used any more is as if it were paused,
and is shown with what is wrong with it; it stops no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from redis.asyncio import Redis

What = Literal["webhook", "alert", "token", "feed"]
MOST_DEFINITIONS: Final = 200
DEFINITION_UNUSABLE: Final = "definition.unusable"
_SECRETS: Final = frozenset({"secret", "secrets", "digest"})


class Unusable(BaseModel):
    """What is kept under a name and cannot be used."""

    name: str = Field(description="Its name.")
    why: str = Field(description="What is wrong with it.")
    kept: dict[str, Any] = Field(description="What is kept of it, but for secrets.")


class UnknownNameError(LookupError):
    """There is nothing of this name."""

    def __init__(self, what: What, name: str) -> None:
        super().__init__(f"there is no {what} {name[:100]!r}; `coranto {what}s list` shows those there are")
        self.what = what
        self.name = name


class NotAddedError(ValueError):
    """The name is taken, or there are as many as there may be."""

    def __init__(self, what: What, name: str, *, is_known: bool) -> None:
        super().__init__(
            f"the {what} {name!r} exists already: choose another name, or change it with `coranto {what}s edit`"
            if is_known
            else f"there are {MOST_DEFINITIONS} {what}s, which is the most: remove one first"
        )
        self.what = what


class UnusableError(ValueError):
    """What is kept under the name cannot be used."""

    def __init__(self, what: What, unusable: Unusable) -> None:
        super().__init__(
            f"the {what} {unusable.name!r} cannot be used as it is kept: {unusable.why}; mend it with "
            f"`coranto {what}s edit`, or remove it"
        )
        self.what = what
        self.unusable = unusable


class WrongFieldsError(ValueError):
    """What somebody says of a definition cannot be understood."""

    def __init__(self, error: ValidationError) -> None:
        self.faults = faults_of(error)
        """Names of fields, each with what is wrong with it."""
        super().__init__(said_of(error))


def faults_of(error: ValidationError) -> list[tuple[str, str]]:
    """Names of fields, each with what is wrong with it; the name is empty where it is about all of them together."""
    return [
        (str(each["loc"][0]) if each["loc"] else "", each["msg"].removeprefix("Value error, "))
        for each in error.errors(include_url=False, include_context=False)
    ]


def said_of(error: ValidationError) -> str:
    """What is wrong, in a line."""
    return "; ".join(f"{field}: {told}" if field else told for field, told in faults_of(error))


def without_defaults(schema: dict[str, Any]) -> None:
    """Take the defaults out of the schema of a change: what is not given stays as it is."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


Model = TypeVar("Model", bound=BaseModel)


def checked_definition(model: type[Model], fields: Mapping[str, Any]) -> Model:
    """The model with these fields. Raises WrongFieldsError."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise WrongFieldsError(error) from error


def read_rows(model: type[Model], rows: Mapping[bytes, bytes]) -> dict[str, Model]:
    """What can be read of the rows. One that another version has written otherwise waits for it, and stops no other."""
    found: dict[str, Model] = {}
    for key, packed in rows.items():
        with suppress(ValidationError, UnicodeDecodeError):
            found[key.decode()] = model.model_validate_json(packed)
    return found


class Definitions(Generic[Model]):
    """The definitions of one kind."""

    def __init__(
        self,
        redis: Redis,
        key: str,
        model: type[Model],
        what: What,
        *,
        masks: Mapping[str, Callable[[str], str]] | None = None,
    ) -> None:
        """`masks` make what is shown of texts, or of each in a list, of fields that may hold secrets."""
        self._redis = redis
        self._key = key
        self._model = model
        self.what: Final = what
        self._masks = masks or {}
        self._told: set[tuple[str, str]] = set()

    async def all(self) -> tuple[list[Model], list[Unusable]]:
        """Those that can be used, and those that cannot, by name."""
        return self.read(await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self._key)))

    def read(self, rows: Mapping[bytes, bytes]) -> tuple[list[Model], list[Unusable]]:
        """The same, of what was read from the key."""
        usable: list[Model] = []
        unusable: list[Unusable] = []
        for name, packed in sorted(rows.items()):
            try:
                usable.append(self._model.model_validate_json(packed))
            except ValidationError as error:
                unusable.append(self._unusable(name.decode("utf-8", "replace"), packed, error))
        return usable, unusable

    async def get(self, name: str) -> Model:
        """The definition. Raises UnknownNameError, and UnusableError when it cannot be used as it is kept."""
        packed = await self.packed(name)
        try:
            return self._model.model_validate_json(packed)
        except ValidationError as error:
            raise UnusableError(self.what, self._unusable(name, packed, error)) from error

    async def packed(self, name: str) -> bytes:
        """As it is kept. Raises UnknownNameError."""
        packed = await cast("Awaitable[bytes | None]", self._redis.hget(self._key, name))
        if packed is None:
            raise UnknownNameError(self.what, name)
        return packed

    async def edit(
        self,
        name: str,
        change: Callable[[dict[str, Any]], Mapping[str, Any]],
        write: Callable[[bytes, Model], Awaitable[bool]],
    ) -> Model:
        """Keep what `change` makes of the fields that are kept, and give it; one that could not be used may be mended so.

        `write` is given what it must find unchanged, and what to keep; false makes it be tried anew. Raises UnknownNameError,
        and WrongFieldsError when the result would be no definition: then nothing is changed.
        """
        while True:
            packed = await self.packed(name)
            edited = checked_definition(self._model, change(fields_of(packed)))
            if await write(packed, edited):
                return edited

    async def remove(self, name: str) -> None:
        """Forget it, also one that cannot be used. Raises UnknownNameError."""
        if not await self._redis.hdel(self._key, name):
            raise UnknownNameError(self.what, name)

    def tell(self, log: Any, unusable: Iterable[Unusable]) -> None:
        """Say in the log which cannot be used, once for each thing that is wrong."""
        found = {(each.name, each.why) for each in unusable}
        for name, why in sorted(found - self._told):
            log.error(DEFINITION_UNUSABLE, what=self.what, name=name, why=why)
        self._told = found

    def _unusable(self, name: str, packed: bytes, error: ValidationError) -> Unusable:
        kept = {field: value for field, value in fields_of(packed).items() if field not in _SECRETS}
        masked = {field: _masked(kept[field], mask) for field, mask in self._masks.items() if field in kept}
        return Unusable(name=name, why=said_of(error)[:1000], kept=kept | masked)

    def check_added(self, name: str, answer: Any) -> None:
        """Raise NotAddedError unless the answer of the script `ADD` says that it was added."""
        if answer != b"added":
            raise NotAddedError(self.what, name, is_known=answer == b"known")


def _masked(value: object, mask: Callable[[str], str]) -> object:
    match value:
        case str():
            return mask(value)
        case list():
            return [_masked(each, mask) for each in value]
    # Of another kind, what it holds cannot be told from a secret.
    return None


ADD: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 'known' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
"""
"""Adds a definition; whatever else is to be written follows, and `return 'added'`."""


_FIELDS: Final = TypeAdapter(dict[str, Any])


def fields_of(packed: bytes) -> dict[str, Any]:
    """The fields of what is kept; none when it is no JSON object."""
    # Not by `json`: it takes half of a character, which cannot be shown, and raises RecursionError where much is nested.
    with suppress(ValidationError):
        return _FIELDS.validate_json(packed)
    return {}
