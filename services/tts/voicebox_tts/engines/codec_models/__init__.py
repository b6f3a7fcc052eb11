"""What engines share whose language model generates the codes of a neural codec, frame by frame, for many streams."""
