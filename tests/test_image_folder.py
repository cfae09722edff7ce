"""Image files are found, each under every name that it has, and what is hidden is not."""

import os
from pathlib import Path

import pytest

from naa_lightning.image_folder import find_images


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def found(root: Path, *, deep: bool = True) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_images(root, deep=deep).images]


def test_what_is_hidden_is_passed_over_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "._a.png", ".cache/b.png", "cat/.ipynb_checkpoints/c.png", "cat/d/.e.png", "cat/d/e.png")
    assert found(tmp_path) == ["a.png", "cat/d/e.png"]
    assert found(tmp_path, deep=False) == ["a.png"]


def test_files_are_sorted_as_paths(tmp_path: Path) -> None:
    files = ["b/1.png", "b-1/1.png", "b.png", "b/10.png", "b/2.png", "B/1.png", "a/z/1.png", "a/z.png"]
    assert found(touch(tmp_path, *files)) == [path.as_posix() for path in sorted(map(Path, files))]


def test_other_files_are_counted_by_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.PNG", "b.txt", "c/d.TXT", "c/LICENSE", ".hidden.txt")
    (tmp_path / "folder.png").mkdir()
    images, passed_over = find_images(tmp_path)
    assert [path.name for path in images] == ["a.PNG"]
    assert passed_over == {".txt": 2, "": 1}


def test_links_are_followed_and_a_loop_ends(tmp_path: Path) -> None:
    root, store = tmp_path / "root", touch(tmp_path / "store", "a.png", "deep/b.png")
    touch(root, "cat/c.png")
    (root / "cat" / "store").symlink_to(store)
    (root / "cat" / "d.png").symlink_to(store / "a.png")
    (root / "dog").symlink_to(store)
    (store / "deep" / "up").symlink_to(store)
    (root / "cat" / "out").symlink_to(tmp_path)
    inside = ["a.png", "deep/b.png"]
    assert found(root) == [
        "cat/c.png",
        "cat/d.png",
        *(f"cat/out/store/{file}" for file in inside),
        *(f"cat/store/{file}" for file in inside),
        *(f"dog/{file}" for file in inside),
    ]


def test_a_link_to_nowhere_is_missed_and_a_pipe_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "b.png")
    os.mkfifo(tmp_path / "c.png")
    assert found(tmp_path) == ["a.png", "b.png"]


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".ppm", ".pgm", ".gif", ".jfif", ".jpe", ".webp", ".bmp", ".jp2"])
def test_formats_that_other_libraries_take_too(tmp_path: Path, suffix: str) -> None:
    assert found(touch(tmp_path, f"a{suffix}")) == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".pdf", ".eps", ".ps", ".mpg", ".h5", ".txt", ".npy", ".csv", ".svg", ".mp4"])
def test_documents_films_and_tables_are_no_images(tmp_path: Path, suffix: str) -> None:
    assert found(touch(tmp_path, f"a{suffix}")) == []
