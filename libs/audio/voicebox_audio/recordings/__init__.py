"""What is known of a recording of speech: where there is speech, its utterances, and how good it is."""
