"""How the world stands, judged from outside: each domain controller, the vault, the model engine, the journal."""


def one_password(checks, world, what, expected=None):
    """Every domain controller, engine and vault hold one password, nothing is pending, the journal's chain is whole."""
    current = world.secret("current")
    checks.that(f"{what}: the directory accepts what the vault holds as current", world.accepts(current), world.sets())
    checks.that(f"{what}: the engine stores it", world.engine_password() == current)
    checks.that(f"{what}: the running service uses it", world.engine_password("cached") == current)
    checks.equal(f"{what}: nothing is pending", world.secret("pending"), None)
    if expected is not None:
        checks.that(f"{what}: it is the expected one", current == expected)
    intact = world.journal_intact()
    checks.that(f"{what}: the journal is intact", intact.code == 0 and "intact" in intact.out, intact)
    return current


def same_everywhere(checks, world, what):
    checks.that(f"{what}: every domain controller shows the same set", world.one_set(), world.sets())


def told(checks, what, done, code, *words):
    """Shows what the program said, and checks its exit code and the words that must be in it."""
    text = done.out + done.err
    print(f"--- {what}: exit {done.code}\n{text.rstrip()}", flush=True)
    checks.equal(f"{what}: exit {code}", done.code, code, done)
    if words:
        absent = [word for word in words if word not in text]
        checks.that(f"{what}: it says {', '.join(words)}", not absent, f"missing: {absent}\n{text}")
    checks.that(f"{what}: no panic", "panicked" not in text, text)
