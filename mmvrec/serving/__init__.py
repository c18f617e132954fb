"""A day's photos in the browser: look through answers, correct them, teach the model."""
