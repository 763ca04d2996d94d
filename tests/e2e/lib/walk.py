"""A browser that walks through the pages of the service, and what must hold of every page."""

import json

from checks import ROOT

PICTURES = ROOT / "target/test-logs/page"
NARROW = 320
# What a finger on the keyboard reaches, in order.
FOCUSED = ("(e => [e.tagName, (e.innerText || e.getAttribute('name') || '').trim(), e.getAttribute('href') || ''])"
           "(document.activeElement)")

# What axe-core finds, and what it can't tell but for the marks beside words, which have the word's colour.
AXE = """;axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(found => {
  const told = found => found.map(rule => [rule.id, rule.nodes.length, rule.nodes[0].html.slice(0, 200),
    rule.nodes[0].any.concat(rule.nodes[0].all, rule.nodes[0].none).map(check => check.message).join('; ')]);
  const unsure = found.incomplete.filter(rule => rule.nodes.some(node => !/^<span aria-hidden="true">.<\\/span>$/.test(node.html)));
  return [told(found.violations), told(unsure)];
})"""


class Walk:
    """One browser on one service."""

    def __init__(self, checks, served, chromium, folder):
        self.checks, self.served, self.chromium = checks, served, chromium
        self.axe = (folder / "axe_playwright_python/axe.min.js").read_text()
        PICTURES.mkdir(parents=True, exist_ok=True)

    def go(self, path, **how):
        self.chromium.go(self.served.url + path, **how)

    def figures(self, selector, key):
        """Of each element its name and what stands in those marked as figures."""
        return self.chromium.value(
            f"Object.fromEntries([...document.querySelectorAll('{selector}')].map(e => [e.dataset.{key},"
            " Object.fromEntries([...e.querySelectorAll('[data-figure]')].map(f => [f.dataset.figure, f.innerText]))]))")

    def look(self, name, path, status=200):
        """Everything that must hold of every page, light, dark and narrow."""
        for word, how in (("light", {}), ("dark", {"scheme": "dark"}), ("narrow", {"width": NARROW, "height": 780}),
                          ("narrow-dark", {"width": NARROW, "height": 780, "scheme": "dark"})):
            self.go(path, **how)
            self.quiet(f"{name}, {word}", status)
            faults, unsure = self.chromium.value(self.axe + AXE, awaitPromise=True)
            self.checks.equal(f"{name}, {word}: axe-core finds nothing", faults, [])
            if name != "report":
                self.checks.equal(f"{name}, {word}: and is sure of it", unsure, [])
            if "width" in how:
                width = self.chromium.value("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
                self.checks.that(f"{name}, {word}: it does not scroll sideways", width <= NARROW, width)
            height = min(self.chromium.value("document.documentElement.scrollHeight"), 4000)
            self.chromium.sized(how.get("width", 1280), max(height, 400), how.get("scheme", "light"))
            self.chromium.picture(PICTURES / f"{name}-{word}.png")

    def quiet(self, what, status=200):
        self.checks.equal(f"{what}: nothing is asked of another host",
                          [url for url in self.chromium.requested() if not url.startswith(self.served.url + "/")], [])
        # Of a page that says what is wrong it tells the status.
        complaints = [event for event in self.chromium.complaints()
                      if status == 200 or f"a status of {status} " not in json.dumps(event)]
        self.checks.equal(f"{what}: the browser has nothing to complain of", complaints, [])
        self.checks.equal(f"{what}: nothing was executed", self.chromium.value("typeof window.executed"), "undefined")

    def tab(self, wanted, limit=60):
        """Tabs until something is focused; what was on the way."""
        passed = []
        for _ in range(limit):
            self.chromium.press("Tab")
            passed.append(self.chromium.value(FOCUSED))
            if wanted(passed[-1]):
                return passed
        raise RuntimeError(f"not reached with the keyboard: {passed}")

    def enter(self):
        self.chromium.events.clear()
        self.chromium.press("Enter")
        self.chromium.loaded()
