"""Yes or no? The rule of MME's scoring (kaduri2025 section 3.6 of the dossier)."""

YES, NO, OTHER = "yes", "no", "other"


def read_answer(text: str) -> str:
    """What an answer says: "yes", "no" or "other", which counts as wrong.

    Lower case; exactly yes or no, else "yes" and then "no" is looked for in the first four letters. "Not
    sure" is therefore a no, and "I think yes" is neither: kept, because published numbers rest on it.
    """
    answer = text.strip().lower()
    if answer in (YES, NO):
        return answer
    beginning = answer[:4]
    return YES if YES in beginning else NO if NO in beginning else OTHER
