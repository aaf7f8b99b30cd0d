// A text area and, below it, the same text with its entities marked.
//
// The page (page.js) and the JupyterLab widget (the default export) run this one module; they differ in
// their transport only: a WebSocket, or the kernel. A transport is a function that takes three callbacks,
//   onOpen(), onMessage(answer), onClose(words),
// and gives back { send(message), close() }; send() answers false where nothing could be sent.
//
// What is typed goes out after a pause, never while an input method is composing, one request at a time,
// the newest text only. An answer belongs to the text that was sent under its number.

export const PAUSE = 300;         // milliseconds without a keystroke before a text is sent
export const LONGEST = 5000;      // code points that the service takes
export const PATIENCE = 10000;    // milliseconds without an answer after which a connection is taken for dead
const FIRST_RETRY = 500, LAST_RETRY = 30000, RESTARTING = 1012, SENT_AWAY = [1003, 1008];
const TYPES = { PER: "person", LOC: "place", ORG: "organisation" };

// --- Text ---------------------------------------------------------------------------------------

/** Code points of a text; half a surrogate pair, which no UTF-8 can carry, becomes U+FFFD. */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** offsets[i]: where code point i begins in a JavaScript string, which counts UTF-16 units. */
export function unitOffsets(text) {
  const offsets = [0];
  for (const character of text) offsets.push(offsets[offsets.length - 1] + character.length);
  return offsets;
}

/** Cuts a text into pieces { text, entity }; entity is absent in between. Overlapping spans are left out. */
export function pieces(text, entities) {
  const units = unitOffsets(text), found = [];
  let cursor = 0;
  for (const entity of [...entities].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const start = units[entity.start], end = units[entity.end];
    if (!(start >= cursor && end > start)) continue;
    if (start > cursor) found.push({ text: text.slice(cursor, start) });
    found.push({ text: text.slice(start, end), entity });
    cursor = end;
  }
  if (cursor < text.length) found.push({ text: text.slice(cursor) });
  return found;
}

// --- View ---------------------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);  // strings become text nodes, never markup
  return made;
}

function mark({ text, entity }) {
  const sure = `${Math.floor(1000 * entity.confidence) / 10} % sure`;
  const type = element("span", { class: "tagger-type" }, entity.type);
  const hint = element("span", { class: "tagger-hint", role: "tooltip" }, sure);
  const label = `${text}: ${TYPES[entity.type] ?? entity.type}, ${sure}`;
  return element("mark", { "data-type": entity.type, tabindex: "0", role: "note", "aria-label": label }, text, type, hint);
}

/** Replaces what the pane shows; every piece of text goes in as a text node. */
export function paint(pane, text, entities) {
  pane.replaceChildren(...pieces(text, entities).map((piece) => (piece.entity ? mark(piece) : piece.text)));
}

let views = 0;

function view(root) {
  const id = `tagger-${++views}`;
  const area = element("textarea", {
    id, rows: "6", spellcheck: "false", autocomplete: "off", lang: "zh", placeholder: "在这里输入中文……",
  });
  const legend = Object.keys(TYPES).map((type) => element("li", { "data-type": type }, `${type} ${TYPES[type]}`));
  const pane = element("div", { class: "tagger-pane", role: "region", "aria-label": "text with its entities", lang: "zh" });
  const status = element("output", { class: "tagger-status", for: id, role: "status" });
  const theme = element("button", { type: "button", class: "tagger-theme" });
  const top = element("div", { class: "tagger-top" }, element("label", { for: id }, "Text"), theme);
  const frame = element("div", { class: "tagger" }, top, area, element("ul", { class: "tagger-legend" }, ...legend), pane, status);
  const dress = (name) => {
    frame.dataset.theme = name;
    theme.textContent = name === "cyberpunk" ? "plain theme" : "cyberpunk theme";
  };
  theme.addEventListener("click", () => dress(frame.dataset.theme === "cyberpunk" ? "plain" : "cyberpunk"));
  dress("cyberpunk");
  root.append(frame);
  return { frame, area, pane, status };
}

/** Calls back after the next frame was painted; `started` is a reading of performance.now(). */
function whenPainted(started, callback) {
  requestAnimationFrame(() => requestAnimationFrame(() => {
    performance.measure("tagger:painted", { start: started, end: performance.now() });
    callback(performance.now() - started);
  }));
}

// --- Behaviour ----------------------------------------------------------------------------------

/** Puts a box into `root`; gives back { setText, close }. */
export function mount(root, transport, text = "") {
  const { frame, area, pane, status } = view(root);
  let composing = false, pause = 0, again = 0, seq = 0;
  let wanted = null;    // the text to send next; null: nothing new
  let inFlight = null;  // { seq, text, sent } of the one request that is not answered yet
  const say = (state, words) => {
    frame.dataset.state = state;
    status.textContent = words;
  };

  const send = () => {
    if (wanted === null || inFlight || composing) return;
    const text = wellFormed(wanted);
    if (unitOffsets(text).length - 1 > LONGEST) {
      wanted = null;
      say("error", `The text is too long: at most ${LONGEST} characters are analysed.`);
      return;
    }
    const request = { seq: ++seq, text, sent: performance.now() };
    if (!link.send({ seq: request.seq, text })) return;
    inFlight = request;
    wanted = null;
    say("waiting", "…");
  };
  const settle = () => {
    const request = inFlight;
    inFlight = null;
    return request;
  };
  /** The request in flight will not be answered: its text is wanted again, unless a newer one is. */
  const lost = (words) => {
    const request = settle();
    if (request && wanted === null) wanted = request.text;
    say("error", words);
  };
  const later = (milliseconds) => {
    clearTimeout(again);
    again = setTimeout(send, milliseconds);
  };
  const schedule = () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      wanted = area.value;
      send();
    }, PAUSE);
  };

  const show = (answer) => {
    const arrived = performance.now(), request = settle();
    paint(pane, request.text, answer.entities);
    const there = Math.round(arrived - request.sent), part = `${answer.computed} of ${answer.sentences}`;
    const words = `${there} ms to the answer (${Math.round(answer.latency_ms)} ms in the service, ${part} sentences computed)`;
    say("answered", words);
    whenPainted(arrived, (spent) => {
      if (seq === request.seq && !inFlight) say("answered", `${words}, painted in ${Math.round(spent)} ms`);
    });
    send();
  };
  const refused = (answer) => {
    lost(`Not analysed: ${answer.message}.`);
    if (answer.retry_after === null) wanted = null;
    else later(1000 * answer.retry_after);
  };
  const link = transport({
    onOpen: () => {
      say("open", "Connected.");
      send();
    },
    onMessage: (answer) => {
      if (answer.seq !== null && answer.seq !== inFlight?.seq) return;  // late: nobody waits for it any more
      if (answer.type === "entities") show(answer);
      else refused(answer);
    },
    onClose: (words) => lost(words),
  });

  area.addEventListener("compositionstart", () => {
    composing = true;
    clearTimeout(pause);
  });
  area.addEventListener("compositionend", () => {
    composing = false;
    schedule();
  });
  area.addEventListener("input", () => {
    if (!composing) schedule();
  });
  const setText = (text) => {
    area.value = text;
    wanted = area.value;
    send();
  };
  if (text) setText(text);
  const close = () => {
    [pause, again].forEach(clearTimeout);
    link.close();
    frame.remove();
  };
  return { setText, close };
}

// --- Transports ---------------------------------------------------------------------------------

/** Milliseconds before attempt number `attempt`, spread so that clients do not come back all at once. */
export function backOff(attempt, code, random = Math.random()) {
  const most = code === RESTARTING ? FIRST_RETRY : FIRST_RETRY * 2 ** attempt;
  return Math.min(LAST_RETRY, most) * (0.5 + random / 2);
}

/** A WebSocket that is opened again when it closes. */
export function socketTransport(address) {
  const url = new URL(address);
  url.protocol = url.protocol.replace("http", "ws");
  return ({ onOpen, onMessage, onClose }) => {
    let socket, attempt = 0, timer = 0, patience = 0, ended = false;
    const open = () => {
      socket = new WebSocket(url);
      socket.onopen = onOpen;
      socket.onmessage = (event) => {
        attempt = 0;
        clearTimeout(patience);
        onMessage(JSON.parse(event.data));
      };
      socket.onclose = (event) => {
        clearTimeout(patience);
        if (ended) return;
        if (SENT_AWAY.includes(event.code)) return onClose(`Closed by the service: ${event.reason || event.code}.`);
        onClose(`${event.reason || "Connection lost"}; connecting again.`);
        timer = setTimeout(open, backOff(attempt++, event.code));
      };
    };
    open();
    return {
      send(message) {
        if (socket.readyState !== WebSocket.OPEN) return false;
        socket.send(JSON.stringify(message));
        patience = setTimeout(() => socket.close(), PATIENCE);
        return true;
      },
      close() {
        ended = true;
        [timer, patience].forEach(clearTimeout);
        socket.close();
      },
    };
  };
}

/** The kernel of a notebook, through anywidget's messages. */
export function kernelTransport(model) {
  return ({ onMessage }) => {
    model.on("msg:custom", onMessage);
    return {
      send(message) {
        model.send(message);
        return true;
      },
      close: () => model.off("msg:custom", onMessage),
    };
  };
}

/** anywidget calls this for every place where the widget is shown. */
export default {
  render({ model, el }) {
    const box = mount(el, kernelTransport(model), model.get("text"));
    return () => box.close();
  },
};
