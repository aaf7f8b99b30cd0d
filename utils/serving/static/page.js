import { mount, socketTransport } from "./tagger.js";

mount(document.querySelector("main"), socketTransport(new URL("ws", document.baseURI)));
