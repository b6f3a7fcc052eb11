"""Models that know many voices, with which a training begins."""

from pathlib import Path

from voicebox_kit.errors import Precondition, StartError

from voicebox_conversion.engines.speech.weights import folded, read

from .training import Training


def begin(training: Training, base: Path) -> bool:
    """Whether there is a base model, whose weights the training now has. Raises Precondition("BASE_MODEL_UNSUITABLE")
    for one of other dimensions.
    """
    if not base.is_file():
        return False
    try:
        training.synthesizer.load_state_dict(folded(read(base)))
    except (RuntimeError, StartError) as error:
        sentence = f"{base.name} is no model that a training of rvc can begin with: {str(error)[:300]}"
        raise Precondition("BASE_MODEL_UNSUITABLE", base.name, sentence) from error
    return True
