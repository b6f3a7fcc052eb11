"""How much memory a model takes, and how its want shows."""

import gc

import torch

from .device import Device

PACKAGE = __name__.rpartition(".codec_models.")[0]


def reserved_bytes(device: Device) -> int:
    """What torch holds of a GPU's memory after giving back what nothing lies in; 0 on the processor, where that is
    unknown.
    """
    if device.kind == "cpu":
        return 0
    gc.collect()
    torch.cuda.empty_cache()
    reserved: int = torch.cuda.memory_reserved(device.index)
    return reserved


def free_bytes(device: Device) -> int:
    """What is free of a GPU's memory."""
    free: int = torch.cuda.mem_get_info(device.index)[0]
    return free


def tensor_bytes(root: object) -> int:
    """What the tensors take that an object of an engine holds, in whatever objects, sequences and mappings; each one
    once.
    """
    met: set[int] = set()
    storages: dict[int, int] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        if isinstance(one, torch.Tensor):
            storages[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif type(one).__module__.startswith(PACKAGE):
            waiting.extend(vars(one).values())
    return sum(storages.values())


def is_out_of_memory(error: Exception) -> bool:
    """Whether a failure says that a device has no memory left. On the processor torch has no class of its own for
    that.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and ("not enough memory" in str(error) or "ALLOC_FAILED" in str(error))
