import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from soundstage import audio, params, registry
from soundstage.descriptions import _constant, describe, unseen

ROOT = Path(__file__).parents[1]
PARAMS = params.load(ROOT / "params.yaml")


@pytest.mark.parametrize("name", PARAMS.features)
def test_constants_are_those_of_the_module(name):
    description = describe(PARAMS, name)
    module = import_module(f"soundstage.features.{PARAMS.features[name].kind}")
    assert (description.axes, description.dtype) == (module.AXES, module.DTYPE)
    assert description.unit == module.UNIT
    assert description.columns == getattr(module, "COLUMNS", ())


@pytest.fixture
def constant(tmp_path, monkeypatch):
    """Return a function that reads a constant of a feature with a given text."""
    (tmp_path / "features").mkdir()
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)

    def read(text, name):
        (tmp_path / "features" / "new.py").write_text(text)
        return _constant("new", name)

    return read


@pytest.mark.parametrize("text", ['UNIT = "Hz"', 'UNIT: str = "Hz"'])
def test_a_constant_that_is_written_out_costs_no_import(constant, text):
    assert constant(f"import nowhere\n{text}\n", "UNIT") == "Hz"
    assert constant(f"import nowhere\n{text}\n", "COLUMNS") == ()


def test_to_describe_a_feature_takes_none_of_the_libraries_that_compute_it():
    code = (
        "import sys; from soundstage import params; from soundstage.descriptions import describe\n"
        "describe(params.load(), 'mfcc')\n"
        "print({'numba', 'librosa', 'scipy.signal'} & sys.modules.keys())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "set()"


@pytest.fixture
def systems_ffmpeg(tmp_path, monkeypatch):
    """An ffmpeg on the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").symlink_to(audio.ffmpeg_binary("bundled"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    yield
    audio.ffmpeg_binary.cache_clear()


@pytest.mark.usefixtures("systems_ffmpeg")
def test_what_dvc_cannot_see_is_code_from_anywhere_and_the_systems_ffmpeg(tmp_path):
    found = unseen(PARAMS)
    assert {"audio.py", "binary.py", "chunks.py", "libav.py", "libsndfile.py"} <= set(found["pcm8"])
    assert "diagnostics.py" not in found["pcm8"]  # a better sentence decodes nothing again
    assert {"features/mel.py", "dsp/mel.py", "dsp/lanes.py"} <= found["mel"].keys()
    assert {"models/svm.py", "models/_pipeline.py"} <= found["models/svm"].keys()
    text = (ROOT / "params.yaml").read_text("utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("ffmpeg: bundled", "ffmpeg: system"))
    systems = unseen(params.load(tmp_path / "params.yaml"))
    assert systems["pcm8"].keys() - found["pcm8"].keys() == {"ffmpeg"}
    assert systems["mel"] == found["mel"]


def test_the_device_and_there_alone_torch_are_part_of_the_fingerprint(tmp_path):
    text = (ROOT / "params.yaml").read_text("utf-8")
    on_cpu = describe(PARAMS, "mel")
    assert "torch" not in on_cpu.libraries
    assert "dsp/cuda.py" not in on_cpu.code
    (tmp_path / "params.yaml").write_text(text.replace("device: cpu ", "device: cuda"))
    on_gpu = describe(params.load(tmp_path / "params.yaml"), "mel")
    assert "torch" in on_gpu.libraries
    assert "dsp/cuda.py" in on_gpu.code
    assert on_gpu.fingerprint != on_cpu.fingerprint
