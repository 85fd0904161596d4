"""Find what a job description asks for: by rules (built in), or by a language model."""
