"""What is shown of runs that were compared: tables in several formats, published figures beside them, the plot."""
