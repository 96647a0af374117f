"""ELAN: valid by its schema, read by pympi, equal to the millisecond, linked to the video."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from export_analyses import CLASSES, HARD_LABEL, HARD_NAME, TIERS, faceless, full, still, video
from pympi import Elan

from merkit.export import write_events
from merkit.inference.analysis import Analysis
from merkit.types import Event


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(__file__).parent / "data" / "EAFv3.0.xsd"))


def written(analysis: Analysis, path: Path, classes: tuple[str, ...] = CLASSES) -> ET.Element:
    """The file's content, held against the schema."""
    assert write_events([analysis], classes, path) == [path]
    schema().validate(str(path))
    return ET.parse(path).getroot()


def tiers(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    """As pympi reads them."""
    eaf = Elan.Eaf(str(path))
    return {name: sorted(eaf.get_annotation_data_for_tier(name)) for name in eaf.get_tier_names()}


def test_every_tier_is_read_back_to_the_millisecond(tmp_path: Path) -> None:
    written(full(video(tmp_path)), tmp_path / "v.eaf")
    apexes = [
        (300, 333, "blink"), (500, 533, "gaze shift"), (1400, 1433, "micro"),
        (1500, 1533, "micro"), (1800, 1833, "micro"),
    ]  # fmt: skip
    assert tiers(tmp_path / "v.eaf") == {**TIERS, "apex": apexes}


def test_annotations_refer_to_their_words_and_share_no_end(tmp_path: Path) -> None:
    root = written(full(video(tmp_path)), tmp_path / "v.eaf")
    words = {
        entry.attrib["CVE_ID"]: entry.findtext("CVE_VALUE")
        for entry in root.iterfind("CONTROLLED_VOCABULARY/CV_ENTRY_ML")
    }
    annotations = root.findall("TIER/ANNOTATION/ALIGNABLE_ANNOTATION")
    referring = [one for one in annotations if "CVE_REF" in one.attrib]
    assert len(referring) == 5 + 4 + 5 + 2  # events, classes, apexes, stretches
    assert all(words[one.attrib["CVE_REF"]] == one[0].text for one in referring)
    free = {one[0].text for one in annotations if one not in referring}
    assert free == {"L1+12", "L1", "12"}
    ends = [one.attrib[f"TIME_SLOT_REF{end}"] for one in annotations for end in (1, 2)]
    assert len(set(ends)) == len(ends)
    values = [int(slot.attrib["TIME_VALUE"]) for slot in root.iterfind("TIME_ORDER/TIME_SLOT")]
    assert values == sorted(values)
    classes = root.find("CONTROLLED_VOCABULARY[@CV_ID='classes']")
    assert classes is not None
    named = [entry.findtext("CVE_VALUE") for entry in classes.iterfind("CV_ENTRY_ML")]
    assert named == [*CLASSES, HARD_LABEL]


def test_the_schema_of_the_test_refuses_what_is_wrong(tmp_path: Path) -> None:
    written(full(video(tmp_path)), tmp_path / "v.eaf")
    text = (tmp_path / "v.eaf").read_text(encoding="utf-8")
    for right, wrong in {
        'TIME_VALUE="1235"': 'TIME_VALUE="1.2"',
        'REF="class"': 'REF="klass"',
    }.items():
        assert right in text
        assert not schema().is_valid(text.replace(right, wrong))


@pytest.mark.parametrize("place", ["beside", "below", "elsewhere/deep"])
def test_the_video_is_linked_whatever_its_name(place: str, tmp_path: Path) -> None:
    media = video(tmp_path / "a folder & more", HARD_NAME)
    folder = media.parent if place == "beside" else tmp_path / place
    link = written(full(media), folder / "v.eaf").find("HEADER/MEDIA_DESCRIPTOR")
    assert link is not None
    assert link.attrib["MIME_TYPE"] == "video/mp4"
    whole = link.attrib["MEDIA_URL"]
    assert whole.startswith("file:///")
    assert not set(whole + link.attrib["RELATIVE_MEDIA_URL"]) & set(" #&<")
    assert Path(unquote(urlparse(whole).path)) == media
    relative = unquote(link.attrib["RELATIVE_MEDIA_URL"])
    assert relative.startswith(("./", "../"))
    assert (folder / relative).samefile(media)


def test_a_coder_finds_every_tier_also_where_nothing_was_found(tmp_path: Path) -> None:
    root = written(still(video(tmp_path)), tmp_path / "v.eaf", classes=())
    names = ["events", "class", "action units", "apex", "excluded"]
    assert tiers(tmp_path / "v.eaf") == {name: [] for name in names}
    controlled = {
        kind.attrib["LINGUISTIC_TYPE_ID"]: kind.get("CONTROLLED_VOCABULARY_REF")
        for kind in root.iterfind("LINGUISTIC_TYPE")
    }
    assert controlled["events"] == "movements"
    assert controlled["class"] is None  # without a model any class may be written


def test_a_video_without_a_face_is_excluded_as_a_whole(tmp_path: Path) -> None:
    root = written(faceless(video(tmp_path)), tmp_path / "v.eaf")
    assert tiers(tmp_path / "v.eaf")["excluded"] == [(0, 2200, "no face")]
    problem = root.findtext("HEADER/PROPERTY[@NAME='merkit problem']")
    assert problem is not None
    assert problem.endswith("no face found")


def test_images_have_no_link_and_a_video_that_is_gone_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    root = written(full(tmp_path / "images"), tmp_path / "i.eaf")
    assert root.find("HEADER/MEDIA_DESCRIPTOR") is None
    root = written(full(tmp_path / "gone.mov"), tmp_path / "g.eaf")
    link = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert link is not None
    assert (link.attrib["RELATIVE_MEDIA_URL"], link.attrib["MIME_TYPE"]) == (
        "./gone.mov",
        "video/quicktime",
    )


def test_what_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    bad = Event(
        "micro", -0.5, 0.1, 0.2, 0, 3, 6, 1.0, 0.1, 0.1, label="a\x00b\udc80c\r\nd",
        probabilities={"x": 1.0},
    )  # fmt: skip
    written(Analysis(tmp_path / "\udcff.mp4", (bad,), (), 1.0), tmp_path / "v.eaf")
    found = tiers(tmp_path / "v.eaf")
    assert found["class"] == [(0, 200, "a\ufffdb\ufffdc\nd")]
    assert found["events"] == [(0, 200, "micro")]
