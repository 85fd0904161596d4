"""Recruiting: read job descriptions, extract what they ask for, score candidates against it."""
