"""Write scikit-learn's digits as PNGs into class folders: images/train/zero, ..., images/val/nine."""

from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

digits = load_digits()
for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
    folder = Path("images", "train" if number % 5 else "val", WORDS[label])
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray((pixels * 255 / 16).astype("uint8")).resize((32, 32), Image.Resampling.BILINEAR)
    image.convert("RGB").save(folder / f"{number:04}.png")
