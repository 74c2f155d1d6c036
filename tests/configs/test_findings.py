from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from mkt.configs.document import Path
from mkt.configs.findings import described, findings
from mkt.contract import Json


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["leaf"] = "leaf"
    size: int = 0


class Twig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    length: int


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = ""
    height: int | float | None = None
    parts: list[Leaf | Twig] = []
    by_name: dict[str, Leaf] = {}
    age: Literal["old", "young"] | int = "old"


def said(data: Json) -> list[tuple[Path, str, str]]:
    with pytest.raises(ValidationError) as error:
        Tree.model_validate(data, strict=True)
    return [(finding.path, finding.message, finding.remedy) for finding in findings(error.value, data, Tree)]


def test_the_branches_of_a_union_are_one_sentence() -> None:
    assert said({"age": "ancient"}) == [
        (("age",), "age must be 'old' or 'young' or a whole number, not the text 'ancient'",
         "Write 'old' or 'young' or a whole number."),
    ]  # fmt: skip


def test_a_nullable_number_says_what_it_can_be() -> None:
    assert said({"height": "tall"})[0][1] == "height must be a whole number or a number, not the text 'tall'"


def test_a_mistyped_key_deep_inside_is_compared_with_the_keys_of_its_own_model() -> None:
    assert said({"by_name": {"x": {"siez": 1}}}) == [
        (("by_name", "x", "siez"), "by_name.x.siez is not known", "Did you mean size?")
    ]


def test_a_wrong_part_of_a_list_of_models_is_shown_at_its_key() -> None:
    paths = {path for path, _, _ in said({"parts": [{"size": 1}, {"size": "x"}]})}
    assert ("parts", 1, "size") in paths
    assert all(path[:2] == ("parts", 1) for path in paths)


def test_a_value_is_shown_only_where_it_is_short_and_no_secret() -> None:
    assert described("x" * 25) == "text"
    assert described("hunter2", secret=True) == "text"
    assert described("high") == "the text 'high'"
    assert described(None) == "empty"
    assert described(value=False) == "false"
