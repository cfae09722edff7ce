"""The pictures of a run on its page: cards and gallery."""

from pathlib import Path

from naa_lightning.records import write_pictures, write_predictions
from naa_lightning.report.page.run_page import write_run_page
from tests.report.cases import rate
from tests.report.page.cases import Page, answer, page_of, picture, results, target, write_run

DASH = "\N{EN DASH}"


def test_most_and_least_transferable_images_are_shown_with_what_each_target_said(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    most, _, least = page.text.partition("Least transferable")
    assert most.index("Image 1, great white shark, fooled 2 of 2") < most.index("Image 0, great white shark, fooled")
    assert "Image 2, great white shark, fooled 0 of 2" in least
    assert "Image 2," not in most.partition("Most transferable")[2]
    assert "Image 0, great white shark, fooled" not in least
    assert "2.png; changed by at most 8/255; SSIM 0.50" in least
    said = page.table("target", "clean")
    assert said[1:4] == [
        ["vgg16", "great white shark 90 %", "class 9 50 %"],
        ["resnet50", "great white shark 90 %", "class 9 50 %"],
        ["mobilenetv2", "great white shark 90 %", "class 9 50 %"],
    ]
    alts = [attributes["alt"] or "" for attributes in page.of("img")]
    for kind in ("clean", "adversarial", "difference"):
        assert f"Image 1, great white shark: {kind}" in alts
    assert "difference \N{MULTIPLICATION SIGN} 8" in page.text


def test_as_many_extreme_images_as_the_run_drew(tmp_path: Path) -> None:
    page = page_of(tmp_path, config={"report": {"extreme_images": 1}})
    assert page.text.count(", fooled ") == 2
    assert len(page.data["images"]) == 5
    assert "Most transferable" not in page_of(tmp_path / "none", config={"report": {"extreme_images": 0}}).text


def test_images_that_a_run_was_asked_to_look_at_have_a_card_of_their_own(tmp_path: Path) -> None:
    folder = write_run(tmp_path, results(config={"report": {"extreme_images": 1, "attention_ids": [3]}}))
    views = [picture(3, f"attribution/{on}", "vgg16", note=f"logit of {on}") for on in ("clean", "predicted")]
    write_pictures(folder, [picture(3, "clean"), *views])
    page = Page(write_run_page(folder))
    closely = page.text.partition("Looked at closely")[2]
    assert closely.index("Image 3, great white shark") < closely.index("What was mistaken")
    assert "clean: logit of clean adversarial: logit of predicted" in closely
    assert [image["id"] for image in page.data["images"]] == [3]


def test_without_a_black_box_target_the_attacked_model_judges(tmp_path: Path) -> None:
    page = page_of(tmp_path, targets={"mobilenetv2": target(rate(88, 90), white_box=True)})
    assert "Judged by the attacked models" in page.text
    assert "fooled 1 of 1" in page.text
    assert "black-box success" not in page.text


def test_an_image_that_was_wrong_or_unanswered_is_not_fooled(tmp_path: Path) -> None:
    folder = write_run(tmp_path, results())
    write_predictions(
        folder,
        [
            answer("vgg16", 0),
            answer("resnet50", 0, clean=8),
            answer("vgg16", 1, adversarial=-2, adversarial_confidence=0.0),
            answer("resnet50", 1, adversarial=3),
        ],
    )
    page = Page(write_run_page(folder))
    assert "Image 0, great white shark, fooled 1 of 1" in page.text
    assert "Image 1, great white shark, fooled 0 of 2" in page.text
    rows = [attributes["class"] for attributes in page.of("tr") if "class" in attributes]
    assert {"fooled", "wrong", "silent", "right"} <= set(rows)
    assert page.table("target", "clean")[1:] == [
        ["vgg16", "great white shark 90 %", "class 9 50 %"],
        ["resnet50", "class 8 90 %", "class 9 50 %"],
    ]
    assert ["vgg16", "great white shark 90 %", "abstained"] in [row for table in page.tables for row in table]


def test_pictures_are_inside_with_size_and_words_and_are_not_loaded_later(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    images = [attributes for attributes in page.of("img") if "src" in attributes]
    assert len(images) == 5 * 3 + 2 * 4
    for attributes in images:
        assert (attributes["src"] or "").startswith("data:image/webp;base64,")
        assert attributes["alt"]
        assert "loading" not in attributes
        assert int(attributes["width"] or 0) > 0
        assert int(attributes["height"] or 0) > 0
    assert "where vgg16 looks" in page.text
    assert (
        "what speaks for and against, in resnet50 clean: logit of cock, sum 0.31 adversarial: logit of cock, sum 0.31"
        in page.text
    )


def test_the_gallery_has_every_image_and_no_picture_twice(tmp_path: Path) -> None:
    page = Page(write_run_page(write_run(tmp_path, images=40)))
    assert [image["id"] for image in page.data["images"]] == list(range(40))
    shown = {attributes["data-image"] for attributes in page.of("article")}
    for image in page.data["images"]:
        assert set(image["pictures"]) == (
            set() if str(image["id"]) in shown else {"clean", "adversarial", "difference"}
        )
    assert page.data["targets"] == ["vgg16", "resnet50", "mobilenetv2", "vgg16+jpeg"]
    assert page.data["judges"] == ["vgg16", "resnet50"]
    found = {image["id"]: [row[0] for row in image["answers"] if row[5] == "fooled"] for image in page.data["images"]}
    assert found[0] == ["vgg16", "mobilenetv2"]
    assert found[1] == ["vgg16", "resnet50", "mobilenetv2"]
    assert found[2] == ["mobilenetv2", "vgg16+jpeg"]
    assert found[39] == ["mobilenetv2"]


def test_an_image_without_any_picture_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    (folder / "pictures.parquet").unlink()
    assert "there is no picture of this image" in Page(write_run_page(folder)).text
