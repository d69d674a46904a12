"""XML without entities."""

from typing import Any
from xml.parsers.expat import XMLParserType

__all__ = ["refuse_entities"]


def refuse_entities(parser: XMLParserType) -> None:
    """Make a parser raise ValueError at the first declaration of an entity: a few of them can fill any memory."""

    def refuse(*_: Any) -> int:
        raise ValueError("it declares XML entities, which no program of this kind writes")

    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
