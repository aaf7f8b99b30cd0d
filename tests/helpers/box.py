"""What a test does to, and reads from, one opened page."""

from contextlib import contextmanager

PAINTED = """text => {
    const pane = document.querySelector('.tagger-pane').cloneNode(true);
    pane.querySelectorAll('.tagger-type, .tagger-hint').forEach(extra => extra.remove());
    const painted = document.querySelector('.tagger-status').textContent.includes('painted');
    return pane.textContent === text && painted;
}"""


class Box:
    """One opened page: what it sent, what it shows, what its console complained about."""

    def __init__(self, page):
        self.page, self.sent, self.complaints = page, [], []
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: self.sent.append(frame)))
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.area, self.pane = page.locator("textarea"), page.locator(".tagger-pane")
        self.status = page.locator(".tagger-status")

    def open(self, address):
        self.page.goto(f"http://{address}/")
        self.status.filter(has_text="Connected").wait_for()
        return self

    def marks(self):
        """(text, type) of each mark, in order."""
        read = "marks => marks.map(m => [m.firstChild.data, m.querySelector('.tagger-type').textContent])"
        return [tuple(mark) for mark in self.page.locator("mark").evaluate_all(read)]

    def shows(self, text, timeout=10_000):
        """Waits until the pane shows this text, labels and hints left out, and it was painted."""
        self.page.wait_for_function(PAINTED, arg=text, timeout=timeout)

    def painted(self):
        """Milliseconds from message to painted, of every answer so far."""
        return self.page.evaluate("performance.getEntriesByName('tagger:painted').map(entry => entry.duration)")


@contextmanager
def opened(chromium, **options):
    context = chromium.new_context(**options)
    yield Box(context.new_page())
    context.close()
