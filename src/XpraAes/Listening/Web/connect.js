"use strict";

// Options of the client that a link may set. The server, the port and the key are not among them: a link must not lead the key elsewhere.
const LINKABLE = ["username", "display", "keyboard_layout", "encoding", "video", "sharing", "steal", "sound", "clipboard",
    "printing", "file_transfer", "reconnect", "bandwidth_limit", "floating_menu", "swap_keys"];

const form = document.getElementById("form");
const field = id => document.getElementById(id);

function show(text) {
    field("status").textContent = text;
}

// What the server calls its key: HKDF-Expand of the key, stretched by PBKDF2, as docs/sealed.md describes it.
async function identify(key, facts) {
    const utf8 = text => new TextEncoder().encode(text);
    const password = await crypto.subtle.importKey("raw", utf8(key), "PBKDF2", false, ["deriveBits"]);
    const stretched = await crypto.subtle.deriveBits({ name: "PBKDF2", salt: utf8(facts.salt), iterations: facts.iterations, hash: "SHA-256" }, password, 256);
    const expander = await crypto.subtle.importKey("raw", stretched, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const block = await crypto.subtle.sign("HMAC", expander, new Uint8Array([...utf8(facts.label), 1]));
    return [...new Uint8Array(block).slice(0, 16)].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

// Both clients of xpra's read their settings from the session storage, each in its own form.
function store(settings) {
    sessionStorage.clear();
    for (const [name, value] of Object.entries(settings))
        sessionStorage.setItem(name, value);
    sessionStorage.setItem("", JSON.stringify(settings));
}

async function connect(event) {
    event.preventDefault();
    const key = field("key").value.trim();
    if (!key)
        return show("Type the key first: the text in the key file.");
    field("connect").disabled = true;
    show("");
    try {
        const facts = await (await fetch("/xpra-aes/key.json", { cache: "no-store" })).json();
        if (!facts.identity)
            return show("The server's key is not text that can be typed. Its administrator can make one that is: New-XpraAesKey.");
        if (await identify(key, facts) !== facts.identity)
            return show("Wrong key: this is not the server's. Compare it with the server's key file, every character of it.");
        const settings = { key, encryption: "AES", submit: "true" };
        for (const [name, value] of new URLSearchParams(location.search)) {
            if (LINKABLE.includes(name))
                settings[name] = value;
        }
        for (const name of ["username", "password"]) {
            if (field(name).value)
                settings[name] = field(name).value;
        }
        // The path of the WebSocket, which names the session (PROTOCOL section 15). Encoded, it is nothing but one name: no other server.
        if (field("session").value)
            settings.path = `/${encodeURIComponent(field("session").value)}`;
        store(settings);
        location.assign("/index.html");
    } catch (e) {
        show(`The server does not answer (${e}).`);
    } finally {
        field("connect").disabled = false;
    }
}

const asked = new URLSearchParams(location.search);
for (const name of ["session", "username"]) {
    if (asked.get(name))
        field(name).value = asked.get(name);
}
if (asked.has("key") || asked.has("password")) {
    history.replaceState(null, "", "/");
    show("The address contained a key or password, which the browser's history may have kept. Type it here instead.");
}
if (!window.isSecureContext)
    show("The browser encrypts only on pages from https://, or from localhost.");
form.addEventListener("submit", connect);
