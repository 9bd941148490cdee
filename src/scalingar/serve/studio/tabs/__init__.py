"""The tabs of the page, one file each: their fields, and what happens when a button is pressed."""
