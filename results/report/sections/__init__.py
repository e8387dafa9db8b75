"""The page's sections, a file each: a function that gives its HTML, or None where there is nothing to show."""
