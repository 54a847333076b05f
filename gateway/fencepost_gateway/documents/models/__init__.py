"""The authored kinds, one module a noun. Pydantic lives here and nowhere below."""
