// Drives one Chromium by commands on standard input, one JSON object a line, and answers each with a line of JSON.
"use strict";
const { chromium } = require("playwright-core");
const readline = require("readline");

const [, , executablePath, pin] = process.argv;
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    `--ignore-certificate-errors-spki-list=${pin}`]; // the test's certificate counts as trusted, and no other

(async () => {
    const browser = await chromium.launch({ executablePath, args });
    const counter = await browser.newPage(); // the page itself may be navigating
    const pages = {};
    const said = {};
    const commands = {
        async open({ page, url }) {
            const context = await browser.newContext({ viewport: { width: 1024, height: 700 }, permissions: ["clipboard-read", "clipboard-write"] });
            const opened = pages[page] = await context.newPage();
            said[page] = [];
            opened.on("console", message => said[page].push(`${message.type()} ${message.text()}`));
            opened.on("pageerror", error => said[page].push(`error ${error}`));
            const answer = await opened.goto(url);
            return { status: answer.status(), headers: answer.headers() };
        },
        async reload({ page }) { await pages[page].reload(); },
        async fill({ page, selector, text }) { await pages[page].fill(selector, text); },
        async click({ page, selector }) { await pages[page].click(selector); },
        async clickAt({ page, x, y, button }) { await pages[page].mouse.click(x, y, { button: button ?? "left" }); },
        async type({ page, text }) { await pages[page].keyboard.type(text, { delay: 20 }); },
        async press({ page, text }) { await pages[page].keyboard.press(text); },
        async text({ page, selector }) { return await pages[page].textContent(selector); },
        async url({ page }) { return pages[page].url(); },
        async said({ page }) { return said[page].join("\n"); },
        async evaluate({ page, text }) { return await pages[page].evaluate(text); },
        // Where a color is on the screen: the number of its pixels, and the middle of them.
        async find({ page, color }) {
            // A page that is just being left, or a machine that is busy, gives no picture: the caller looks again.
            const picture = await pages[page].screenshot({ timeout: 5000 }).catch(() => null);
            if (!picture)
                return { count: 0, x: 0, y: 0 };
            const png = picture.toString("base64");
            return await counter.evaluate(async ([picture, [r, g, b]]) => {
                const bytes = Uint8Array.from(atob(picture), character => character.charCodeAt(0));
                const image = await createImageBitmap(new Blob([bytes]));
                const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
                canvas.drawImage(image, 0, 0);
                const data = canvas.getImageData(0, 0, image.width, image.height).data;
                let count = 0, x = 0, y = 0;
                for (let i = 0; i < data.length; i += 4) {
                    if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) > 24)
                        continue;
                    count++;
                    x += i / 4 % image.width;
                    y += Math.floor(i / 4 / image.width);
                }
                return { count, x: count && x / count, y: count && y / count };
            }, [png, color]);
        },
        async picture({ page, path }) { await pages[page].screenshot({ path }); },
    };
    console.log(JSON.stringify({ ready: true }));
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const command = JSON.parse(line);
        try {
            console.log(JSON.stringify({ result: await commands[command.name](command) ?? null }));
        } catch (error) {
            console.log(JSON.stringify({ error: String(error) }));
        }
    }
    await browser.close();
})();
