"""What a voice has no sound for."""


def without_sound(symbols: str) -> tuple[str, ...]:
    """A warning that names phonemes or letters that a voice was not trained on; none where there are none."""
    return (f"The voice has no sound for {' '.join(symbols)}: left out.",) if symbols.strip() else ()
