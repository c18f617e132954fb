"""What requests may hold, checked before anything is done with it."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

#: What a person has said of a region; ``open`` is nothing yet, ``removed`` that it is none.
Decision = Literal['open', 'accepted', 'relabelled', 'unknown', 'no defect', 'removed']
DECISIONS: tuple[str, ...] = get_args(Decision)
#: Decisions that name a class.
LABELLED = ('accepted', 'relabelled')
#: Polygons of a region, and corners of one.
_MOST_PARTS, _MOST_POINTS = 100, 2000

Point = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]
Part = Annotated[list[Point], Field(min_length=2, max_length=_MOST_POINTS)]
Label = Annotated[str, Field(min_length=1, max_length=100)]
Index = Annotated[int, Field(ge=0, lt=2**31)]


class Body(BaseModel):
    """What all have in common: exactly these fields, of exactly these types."""

    model_config = ConfigDict(strict=True, extra='forbid', frozen=True)


class Geometry(Body):
    """Where a region is, in upright pixels.

    Args:
        kind (str): ``box``, with one part of two corners; or ``polygon``, with parts of three
            corners or more.
        parts (list): lists of points x, y.
    """

    kind: Literal['box', 'polygon']
    parts: Annotated[list[Part], Field(min_length=1, max_length=_MOST_PARTS)]


class RegionBody(Body):
    """A change of a region.

    Args:
        geometry (Geometry, optional): its new place; None where it stays.
        verdict (str): see :data:`Decision`.
        label (str, optional): its class where the verdict names one, else None.
    """

    geometry: Geometry | None
    verdict: Decision
    label: Label | None


class Place(Body):
    """A region: its photo, and its key in the photo."""

    photo: Index
    region: Index


class LearnBody(Body):
    """What is to be learnt: whether accepted answers too."""

    accepted: bool


class ClassBody(Body):
    """Regions of a class that may be new."""

    label: Label
    regions: Annotated[list[Place], Field(min_length=1, max_length=1000)]


class EnrolledBody(Body):
    """Another class for an enrolled instance, by its place in a version of the model."""

    version: Index
    row: Index
    label: Label
