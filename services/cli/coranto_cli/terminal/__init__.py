"""How the command line shows things and reads what is typed: colours, tables, ages, words for states."""
