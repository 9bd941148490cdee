"""Weight files of every container, and one clear sentence for every bad one."""

import argparse
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from scalingar.core.errors import WeightsError
from scalingar.models.weights.checkpoint import read_weights
from scalingar.models.weights.fitting import fit_weights
from scalingar.models.weights.weight_files import weight_file_names

WEIGHTS = {
    "layer.weight": torch.arange(6, dtype=torch.float32).view(2, 3),
    "layer.bias": torch.tensor([7.0, 8.0]),
}


def same(read: dict[str, Tensor], expected: dict[str, Tensor] = WEIGHTS) -> bool:
    return read.keys() == expected.keys() and all(torch.equal(read[k], expected[k]) for k in read)


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


# --- containers --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_bare(tmp_path: Path, suffix: str) -> None:
    assert same(read_weights(saved(tmp_path / f"w{suffix}", WEIGHTS)))


@pytest.mark.parametrize("container", ["model", "module", "state_dict"])
def test_containers(tmp_path: Path, container: str) -> None:
    content = {container: WEIGHTS, "steps": 3, "optimizer": {"state": {}}}
    assert same(read_weights(saved(tmp_path / "w.pt", content)))


def test_a_training_checkpoint_with_its_command_line(tmp_path: Path) -> None:
    content = {"model": WEIGHTS, "args": argparse.Namespace(lr=1e-4), "steps": 3}
    assert same(read_weights(saved(tmp_path / "w.pt", content)))


def test_model_comes_before_module_and_ema_only_when_asked(tmp_path: Path) -> None:
    other = {name: tensor + 1 for name, tensor in WEIGHTS.items()}
    path = saved(tmp_path / "w.pt", {"ema": other, "module": other, "model": WEIGHTS})
    assert same(read_weights(path))
    assert same(read_weights(path, containers=("ema", "model")), other)


def test_nested_containers(tmp_path: Path) -> None:
    assert same(read_weights(saved(tmp_path / "w.pt", {"state_dict": {"model": WEIGHTS}})))


def test_bare_wins_over_a_container_name(tmp_path: Path) -> None:
    """A state dict may hold numbers beside its tensors, and a module may be called "model"."""
    content = {**WEIGHTS, "step": 3, "model": {"x": torch.zeros(1)}}
    assert same(read_weights(saved(tmp_path / "w.pt", content)))


@pytest.mark.parametrize(
    "prefix",
    [
        "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "_fsdp_wrapped_module.", "module.module.",
        "_orig_mod.module._orig_mod.module.", "_fsdp_wrapped_module._orig_mod.module.", "_forward_module.",
        "module._fsdp_wrapped_module._checkpoint_wrapped_module.",
    ],
)  # fmt: skip
def test_wrapper_prefixes_go(tmp_path: Path, prefix: str) -> None:
    wrapped = {prefix + name: tensor for name, tensor in WEIGHTS.items()}
    assert same(read_weights(saved(tmp_path / "w.pt", wrapped)))


@pytest.mark.parametrize("wrapper", ["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module._orig_mod."])
def test_wrappers_inside_a_name_go(tmp_path: Path, wrapper: str) -> None:
    inner = {f"module.{name}".replace("layer.", f"layer.{wrapper}"): t for name, t in WEIGHTS.items()}
    assert same(read_weights(saved(tmp_path / "w.pt", inner)))


COUNTERS = {"step": torch.tensor(100), "rng_state": torch.zeros(9999, dtype=torch.uint8), "epoch": 3}


def test_counters_beside_a_container(tmp_path: Path) -> None:
    """Tensors, but not the model's."""
    weights = {**WEIGHTS, "head.weight": torch.ones(2, 2)}
    assert same(read_weights(saved(tmp_path / "a.pt", {**COUNTERS, "model": weights})), weights)
    assert same(read_weights(saved(tmp_path / "b.pt", {**COUNTERS, "state_dict": {"module": weights}})), weights)


@pytest.mark.parametrize("counter", ["n_averaged", "step"])
def test_counters_among_the_weights(tmp_path: Path, counter: str) -> None:
    """As torch.optim.swa_utils.AveragedModel has them, whose weights are behind a prefix."""
    wrapped = {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}
    assert same(read_weights(saved(tmp_path / "x.pt", {counter: torch.tensor(100), **wrapped})))


def test_a_container_that_is_empty_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {"ema": None, "model": WEIGHTS, "module": {}})
    assert same(read_weights(path, containers=("module", "ema", "model")))


def test_a_module_inside_a_name_stays(tmp_path: Path) -> None:
    weights = {"block.module.weight": torch.zeros(1)}
    assert same(read_weights(saved(tmp_path / "w.pt", weights)), weights)


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {"a": torch.zeros(1), "module.a": torch.ones(1)})
    with pytest.raises(WeightsError, match="twice"):
        read_weights(path)


def test_old_pickles_without_a_zip(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    assert same(read_weights(tmp_path / "w.pt"))


def test_files_are_mapped_not_copied(tmp_path: Path) -> None:
    """Tensors stand as far apart in memory as in the file."""
    sizes = {"a": 1000, "b": 77_777, "c": 5, "d": 3000}
    weights = {name: torch.full((size,), size / 8) for name, size in sizes.items()}
    path = saved(tmp_path / "w.pt", weights)
    content = path.read_bytes()
    read = read_weights(path)
    starts = {read[n].data_ptr() - content.index(weights[n].numpy().tobytes()) for n in sizes}
    assert len(starts) == 1


def test_safetensors(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    assert same(read_weights(tmp_path / "w.safetensors"))
    assert same(read_weights(str(tmp_path / "w.safetensors")))


@pytest.mark.parametrize("name", ["model.safetensors", "anything.safetensors"])
def test_folder_with_one_file(tmp_path: Path, name: str) -> None:
    save_file(WEIGHTS, tmp_path / name)
    (tmp_path / "config.json").write_text("{}")
    assert same(read_weights(tmp_path))


@pytest.mark.parametrize("name", ["model.safetensors", "anything.safetensors"])
def test_a_trainers_folder(tmp_path: Path, name: str) -> None:
    """The states of everything else lie beside the model, in pickles of anything."""
    save_file(WEIGHTS, tmp_path / name)
    for other in ("optimizer.pt", "optimizer_1.bin", "scheduler.pt", "training_args.bin", "rng_state_0.pth"):
        torch.save({"state": Path()}, tmp_path / other)
    torch.save(WEIGHTS, tmp_path / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    (tmp_path / "trainer_state.json").write_text("{}")
    assert same(read_weights(tmp_path))
    assert weight_file_names(tmp_path) == [tmp_path / name]


def test_consolidated_folder(tmp_path: Path) -> None:
    saved(tmp_path / "consolidated.pth", WEIGHTS)
    saved(tmp_path / "optimizer.00000-of-00001.pth", {"state": {}})
    assert same(read_weights(tmp_path))


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards(tmp_path: Path, kind: str) -> None:
    index = sharded(tmp_path, kind)
    assert json.loads(index.read_text())["weight_map"]["layer.bias"] == f"two.{kind}"
    assert same(read_weights(tmp_path))


def sharded(folder: Path, kind: str = "safetensors") -> Path:
    """One tensor to a file."""
    places = {}
    for number, (name, tensor) in zip(("one", "two"), WEIGHTS.items(), strict=True):
        file = folder / f"{number}.{kind}"
        if kind == "safetensors":
            save_file({name: tensor}, file)
        else:
            torch.save({name: tensor}, file)
        places[name] = file.name
    index = folder / f"model.{kind}.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return index


# --- bad files ---------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    """The message, which names the path and is one paragraph."""
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 400
    assert message.endswith(".")
    return message


def test_nothing_there(tmp_path: Path) -> None:
    assert "no such file or folder" in refusal(tmp_path / "absent.pt")


def test_unknown_ending(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"PK")
    assert "'.npz'; weights end in .safetensors, .pt" in refusal(tmp_path / "w.npz")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_empty_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"w{suffix}").touch()
    assert "is empty" in refusal(tmp_path / f"w{suffix}")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9, 0.999])
def test_pytorch_file_cut_short(tmp_path: Path, share: float, zipped: bool) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": torch.randn(3000)}, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cut short or not a PyTorch weight file; copy it again" in refusal(path)


@pytest.mark.parametrize("share", [0.0005, 0.005, 0.3, 0.999])
def test_safetensors_cut_short(tmp_path: Path, share: float) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.randn(3000)}, path)
    content = path.read_bytes()
    path.write_bytes(content[: max(1, int(len(content) * share))])
    assert "cut short or not a safetensors file" in refusal(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" * 9, b"<!doctype html>\n" * 9, b"PK" * 40])
def test_foreign_files(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"w{suffix}").write_bytes(content)
    assert "copy it again" in refusal(tmp_path / f"w{suffix}")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_lfs_pointer(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"w{suffix}").write_text("version https://lfs/spec/v1\noid sha256:0\nsize 9\n")
    assert "git lfs pull" in refusal(tmp_path / f"w{suffix}")


class Trap:
    """Unpickled by an ordinary loader, it leaves a folder behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, zipped: bool) -> None:
    path, trace = tmp_path / "w.pt", tmp_path / "trace"
    content = {"model": WEIGHTS, "extra": Trap(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    message = refusal(path)
    assert "mkdir" in message
    assert "was not opened, because that could run code" in message
    assert not trace.exists()


def test_files_without_weights(tmp_path: Path) -> None:
    content = {"epoch": 3, "lr": 0.1}
    assert "holds no weights, only 'epoch', 'lr'" in refusal(saved(tmp_path / "a.pt", content))
    assert "holds a list, not" in refusal(saved(tmp_path / "b.pt", [torch.zeros(1)]))
    assert "holds a Tensor, not" in refusal(saved(tmp_path / "c.pt", torch.zeros(1)))
    assert "holds no weights, only nothing" in refusal(saved(tmp_path / "d.pt", {}))


def test_folders_without_a_clear_choice(tmp_path: Path) -> None:
    assert "holds no weights; give the path" in refusal(tmp_path)
    saved(tmp_path / "a.pt", WEIGHTS)
    saved(tmp_path / "b.pt", WEIGHTS)
    assert "several weight files ('a.pt', 'b.pt')" in refusal(tmp_path)


def test_missing_shard(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"names 'two.safetensors', which is missing"):
        read_weights(tmp_path)
    assert index.exists()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": []}}', '{"weight_map": {"a": 5}}', "[" * 100_000],
)
def test_damaged_index(tmp_path: Path, content: str) -> None:
    sharded(tmp_path).write_text(content)
    with pytest.raises(WeightsError, match=r"model.safetensors.index.json is damaged"):
        read_weights(tmp_path)


def test_shards_outside_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.safetensors"
    save_file(WEIGHTS, outside)
    inside = tmp_path / "model"
    inside.mkdir()
    for name in ("../outside.safetensors", str(outside)):
        (inside / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"layer.bias": name}}))
        with pytest.raises(WeightsError, match="must lie in the same folder"):
            read_weights(inside)


# --- claims that a file does not keep ---------------------------------------------------------------


def repacked(path: Path, method: int) -> Path:
    """The same archive with every member compressed."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_compressed_members_are_read_as_they_were_written(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3000), "b": torch.zeros(50, 50)}
    assert same(read_weights(repacked(saved(tmp_path / "w.pt", weights), zipfile.ZIP_DEFLATED)), weights)


def test_an_archive_that_grows_a_hundredfold(tmp_path: Path) -> None:
    path = repacked(saved(tmp_path / "w.pt", {"a": torch.zeros(1_000_000)}), zipfile.ZIP_DEFLATED)
    assert "claims to be many times its size" in refusal(path)


@pytest.mark.parametrize("name", ["model", "x"])
def test_a_dictionary_that_holds_itself(tmp_path: Path, name: str) -> None:
    content: dict[str, Any] = {"y": {}}
    content |= {name: content, "state_dict": content, "module": content["y"]}
    content["y"] |= {"model": content, "module": content["y"], "state_dict": content}
    assert "holds no weights" in refusal(saved(tmp_path / "w.pt", content))
    assert same(read_weights(saved(tmp_path / "v.pt", {**content, **WEIGHTS})))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_that_repeats_one_number(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": torch.zeros(1).expand(10**12)}, path, _use_new_zipfile_serialization=zipped)
    assert "claims 1000000000000 numbers" in refusal(path)


def test_a_tensor_that_reaches_into_the_next(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {"a": torch.arange(64.0), "b": torch.arange(64.0)})
    content = path.read_bytes()
    # In the pickle: the number of elements of a storage, then its shape.
    told = content.replace(b"cpuq\x06K@", b"cpuq\x06K\x60", 1)
    assert told != content
    path.write_bytes(told)
    assert "claims 64 numbers, more than the file has for it" in refusal(path)


@pytest.mark.parametrize(
    "tensor",
    [torch.eye(3).to_sparse(), torch.empty(3, device="meta")],
    ids=["sparse", "meta"],
)
def test_tensors_of_other_kinds(tmp_path: Path, tensor: Tensor) -> None:
    message = refusal(saved(tmp_path / "w.pt", {"model": {"a": tensor, **WEIGHTS}}))
    assert "no plain tensor" in message or "not only tensors" in message


@pytest.mark.parametrize("name", ["w" * 5000 + ".pt", "w\0.pt"])
def test_paths_that_cannot_be(name: str) -> None:
    with pytest.raises(WeightsError, match="there is no such file") as caught:
        read_weights(name)
    assert len(str(caught.value)) < 400


# --- fitting -----------------------------------------------------------------------------------


def shell() -> nn.Module:
    with torch.device("meta"):
        return nn.ModuleDict({"layer": nn.Linear(3, 2)})


def test_fit_casts_and_fills(tmp_path: Path) -> None:
    module = fit_weights(shell(), WEIGHTS, "w.pt", dtype=torch.bfloat16)
    state = module.state_dict()
    assert same(state, {name: tensor.bfloat16() for name, tensor in WEIGHTS.items()})


def test_fit_does_not_hold_on_to_the_file(tmp_path: Path) -> None:
    """Overwriting a file in place must not reach into a model loaded from it."""
    path = saved(tmp_path / "w.pt", WEIGHTS)
    module = fit_weights(shell(), read_weights(path), path, dtype=torch.float32)
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    assert same(module.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer.bias": None}, "w.pt lacks 'layer.bias'; it does not fit ModuleDict"),
        ({"head.weight": torch.zeros(1)}, "w.pt has unknown 'head.weight'; it does not fit"),
        (
            {"layer.bias": None, **{f"x{i}": torch.zeros(1) for i in range(5)}},
            "lacks 'layer.bias' and has unknown 'x0', 'x1', 'x2' and 2 more;",
        ),
        ({"layer.bias": torch.zeros(3)}, "layer.bias is 3 and should be 2;"),
        ({"layer.bias": torch.tensor(0.0)}, "layer.bias is a single number and should be 2;"),
        ({"layer.bias": torch.zeros(2).to(torch.int8)}, "layer.bias is int8; quantised"),
        ({"layer.bias": torch.tensor([0.0, torch.nan])}, "'layer.bias' holds values that are not numbers in float32"),
        ({"layer.bias": torch.tensor([0.0, torch.inf])}, "'layer.bias' holds values that are not numbers in float32"),
    ],
)
def test_fit_is_strict(change: dict[str, Tensor | None], message: str) -> None:
    changed = {k: v for k, v in {**WEIGHTS, **change}.items() if v is not None}
    with pytest.raises(WeightsError) as caught:
        fit_weights(shell(), changed, "w.pt", dtype=torch.float32)
    assert message in str(caught.value)


def test_an_old_file_of_marks_without_end_is_refused_soon(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    content = (tmp_path / "w.pt").read_bytes()
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    assert content.startswith(head)
    (tmp_path / "w.pt").write_bytes(head + b"\x80\x02" + b"(" * 2_000_001 + b".")
    assert "holds a list of objects too long for a model; save its state dict alone" in refusal(tmp_path / "w.pt")
