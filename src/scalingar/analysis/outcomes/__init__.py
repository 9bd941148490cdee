"""Selection among recorded candidates: rules, scores, tables of findings. No particular study."""
