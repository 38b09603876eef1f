"""Cards as data: the spec, loading with located errors, finding. Imports no torch and does no network."""
