"""What choosing among recorded candidates gives: choices, scores, tables of findings. No question of its own."""
