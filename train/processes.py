"""One process or several: device, precision, and what the processes tell each other.

Everything that needs Accelerate is here. It was chosen over Lightning Fabric because of what it
brings along: one small package beside what timm needs already, where Fabric brings nine, an HTTP
client among them.
"""

import os
import platform
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, cast

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor, distributed, nn
from torch.optim import Optimizer

from ..gallery.errors import ConfigError
from .depthwise import QuickDepthwise
from .gathered import gather_batch_statistics, gather_rows
from .saying import log

_PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
_PATIENCE = timedelta(hours=6)
"""The others wait for the first process: it alone validates, exports and writes."""


def lacks_16_bits() -> bool:
    """Whether this is a processor of the x86 family from before AVX-512."""
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    return x86 and torch.backends.cpu.get_cpu_capability() in {"DEFAULT", "AVX2"}


class Processes:
    """This process among those that train together, usually alone.

    Started with ``torchrun`` or ``accelerate launch`` there are several; the first, ``main``, is
    the only one that writes.

    Args:
        precision: of the model: fp32, bf16 or fp16.
        frozen_stages: whether some parameters get no gradients for a while.

    Attributes:
        rank: of this process, from 0.
        count: of processes.
        device: that this process computes on.
        main: whether this is the first one.

    Raises:
        ConfigError: the precision can't be had here.
    """

    def __init__(self, precision: str, *, frozen_stages: bool) -> None:
        if precision == "fp16" and not torch.accelerator.is_available():
            raise ConfigError("precision 'fp16' needs a GPU; take 'bf16' or 'fp32'")
        AcceleratorState._reset_state()  # another run in this process may have another precision
        try:
            self._accelerator = Accelerator(
                mixed_precision=_PRECISIONS[precision],
                # Several processes are looked for on CPUs only when told so.
                cpu="LOCAL_RANK" in os.environ and not torch.accelerator.is_available(),
                kwargs_handlers=[
                    DistributedDataParallelKwargs(find_unused_parameters=frozen_stages),
                    InitProcessGroupKwargs(timeout=_PATIENCE),
                ],
            )
        except ValueError as error:
            raise ConfigError(f"precision {precision!r} can't be had here ({error})") from error
        self.rank = self._accelerator.process_index
        self.count = self._accelerator.num_processes
        self.device = cast(torch.device, self._accelerator.device)
        self.main = self.rank == 0
        in_16_bits_here = precision == "bf16" and self.device.type == "cpu"
        self._around_backward = QuickDepthwise if in_16_bits_here else nullcontext
        if in_16_bits_here and self.main and lacks_16_bits():
            log(
                "warning: this processor has no instructions for bf16, with which training takes "
                "ten times as long here; take precision 'fp32'"
            )

    # -- the step ------------------------------------------------------------------------------

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Return what to call in place of the model and the optimizer; both are on the device."""
        return cast(tuple[nn.Module, Optimizer], self._accelerator.prepare(model, optimizer))

    def free(self) -> None:
        """Forget what was prepared before."""
        self._accelerator.free_memory()

    def join_batch_statistics(self, model: nn.Module) -> nn.Module:
        """Let batch norms see the whole batch, where it is split among processes."""
        if self.count == 1:
            return model
        return gather_batch_statistics(model, self.device)

    def gather(self, rows: Tensor) -> Tensor:
        """Every process's rows [n, ...] in the order of ranks, with gradient."""
        return rows if self.count == 1 else gather_rows(rows)

    def backward(self, loss: Tensor) -> None:
        """Compute gradients, scaled up in fp16."""
        with self._around_backward():
            self._accelerator.backward(loss)

    def average_gradients(self, module: nn.Module) -> None:
        """Make the gradients of a module that was not prepared the same everywhere."""
        for parameter in module.parameters() if self.count > 1 else ():
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                parameter.grad /= self.count

    def clip(self, parameters: Iterable[nn.Parameter], longest: float) -> Tensor:
        """Scale a gradient down to ``longest``; return how long it was, a scalar."""
        return cast(Tensor, self._accelerator.clip_grad_norm_(parameters, longest))

    # -- fp16 ----------------------------------------------------------------------------------

    @property
    def loss_scale(self) -> float | None:
        """What fp16 multiplies losses by; None in other precisions."""
        scaler = self._accelerator.scaler
        return None if scaler is None else float(scaler.get_scale())

    def scaler_state(self) -> dict[str, Any] | None:
        """What to keep of fp16's scale in a checkpoint."""
        scaler = self._accelerator.scaler
        return None if scaler is None else cast(dict[str, Any], scaler.state_dict())

    def restore_scaler(self, state: dict[str, Any] | None) -> None:
        """Go on with the scale of a checkpoint."""
        if self._accelerator.scaler is not None and state:
            self._accelerator.scaler.load_state_dict(state)

    # -- agreement -----------------------------------------------------------------------------

    def from_main(self, value: Any) -> Any:
        """Give every process the first one's value."""
        if self.count == 1:
            return value
        return broadcast_object_list([value])[0]

    def share(self, module: nn.Module) -> None:
        """Give every process the weights and buffers that the first one has."""
        for tensor in module.state_dict().values() if self.count > 1 else ():
            sent = tensor.contiguous()
            distributed.broadcast(sent, 0)
            tensor.copy_(sent)

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        if self.count == 1:
            return flag
        number = torch.tensor([float(flag)], device=self.device)
        distributed.all_reduce(number)
        return bool(number.item())

    def wait(self) -> None:
        """Wait until every process is here."""
        self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Take leave of the others, all at once: who left early could still be waited for."""
        self.wait()
        self.free()  # what still holds their group would outlive it
        self._accelerator.end_training()
