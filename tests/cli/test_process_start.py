import subprocess
import sys
import time


def test_a_process_began_before_it_could_say_so_and_after_it_was_started() -> None:
    started = time.perf_counter()
    code = """
import time
from naa_lightning.cli.process_start import process_began
print(process_began(), time.perf_counter())"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    began, asked = map(float, answer.stdout.split())
    assert started - 0.02 <= began <= asked <= time.perf_counter()  # the system counts in hundredths of a second
