"""From an entry of the configuration to an encoder."""

from safetensors import SafetensorError

from sightline.models.checksums import check_weights
from sightline.models.devices import choose_device
from sightline.models.encoders.encoder import Encoder
from sightline.models.encoders.patches import load_patches
from sightline.models.encoders.source import EncoderSource
from sightline.models.encoders.stages import load_stages
from sightline.models.encoders.towers import load_tower
from sightline.models.loading import choose_dtype
from sightline.models.registry import ModelError


def load_encoder(source: EncoderSource) -> Encoder:
    """Load an encoder for reading; remote code is never run.

    Raises:
        ModelError: files or weights are missing, do not fit, or are not those listed beside them; the message names
            the path and what to do.
    """
    device = choose_device(source.device)
    dtype = choose_dtype(source.dtype, device)
    if source.folder:
        check_weights(source.folder)
    try:
        if source.family == "resnet":
            return load_stages(source, device, dtype)
        if source.family == "patches":
            return load_patches(source, device)
        return load_tower(source, device, dtype)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"encoders.{source.key}: {source.path} cannot be loaded. A folder needs config, weights and image "
            "processor; a name on the hub needs the network, or a revision that was fetched before.\n"
            f"{error}"
        ) from error
