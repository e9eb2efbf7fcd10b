// The real window, driven by plain W3C WebDriver requests to tauri-driver. Only clicks and typing:
// running the app's code from a script would run its microtasks at moments that no person causes.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { freePort, program, start } from './processes.mjs';
import { until } from './wait.mjs';

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** A display without a screen: answers its name and what ends it. */
async function startDisplay() {
  const xvfb = start('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const number = await new Promise((resolve, reject) => {
    xvfb.ended.then((code) => reject(new Error(`Xvfb ended (${code})`)));
    createInterface({ input: xvfb.child.stdio[3] }).once('line', resolve);
  });
  return { name: `:${number.trim()}`, stop: xvfb.stop };
}

/** A display, a session bus and tauri-driver; opens windows until it is stopped. */
export async function startDesktop() {
  const display = await startDisplay();
  const port = await freePort();
  const native = await freePort();
  const ports = ['--port', String(port), '--native-port', String(native)];
  const driver = start('dbus-run-session', ['--', 'tauri-driver', ...ports], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      DISPLAY: display.name,
      LANG: 'C.UTF-8',
      LANGUAGE: 'en',
      GDK_BACKEND: 'x11',
      // Nothing that turns WebKit's compositing off: without it screenshots and clicks never end.
    },
  });
  const stop = async () => {
    await driver.stop();
    await display.stop();
  };
  const base = `http://127.0.0.1:${port}`;
  try {
    await until('tauri-driver', async () => (await fetch(`${base}/status`)).ok);
  } catch (error) {
    await stop();
    throw error;
  }
  return { open: (args) => Window.open(base, args), stop };
}

async function request(method, url, body) {
  const response = await fetch(url, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${value?.error ?? response.status}: ${value?.message ?? ''}`);
  return value;
}

/** XPath for a control by its visible or spoken name. */
export const named = (tag, name) =>
  `//${tag}[normalize-space()=${quoted(name)} or @aria-label=${quoted(name)}]`;

/** XPath for the smallest element that says this. */
export const saying = (text) => `//*[text()[contains(normalize-space(), ${quoted(text)})]]`;

const quoted = (text) => (text.includes('"') ? `'${text}'` : `"${text}"`);

class Window {
  #session;

  constructor(session) {
    this.#session = session;
  }

  static async open(base, args) {
    const options = { application: program('kartei-desktop'), args };
    const capabilities = { alwaysMatch: { browserName: 'wry', 'tauri:options': options } };
    const { sessionId } = await request('POST', `${base}/session`, { capabilities });
    return new Window(`${base}/session/${sessionId}`);
  }

  /** Waits for the first element of this kind that is shown. */
  find(xpath, deadlineMs) {
    return until(
      xpath,
      async () => {
        const query = { using: 'xpath', value: xpath };
        for (const found of await request('POST', `${this.#session}/elements`, query)) {
          const element = `${this.#session}/element/${found[ELEMENT]}`;
          if (await request('GET', `${element}/displayed`)) return element;
        }
        return undefined;
      },
      deadlineMs,
    );
  }

  /** Waits until no such element is shown. */
  async gone(xpath) {
    const query = { using: 'xpath', value: xpath };
    await until(`the end of ${xpath}`, async () => {
      const found = await request('POST', `${this.#session}/elements`, query);
      return found.length === 0;
    });
  }

  /** Clicks; an element that is replaced while it is looked at is looked for again. */
  async click(xpath) {
    await until(`a click on ${xpath}`, async () => {
      await request('POST', `${await this.find(xpath)}/click`, {});
      return true;
    });
  }

  /** Puts a text in the place of what a field holds. */
  async fill(xpath, text) {
    const field = await this.find(xpath);
    await request('POST', `${field}/clear`, {});
    await request('POST', `${field}/value`, { text });
  }

  /** Types keys into a field. */
  async type(xpath, text) {
    await request('POST', `${await this.find(xpath)}/value`, { text });
  }

  /** What a field holds. */
  async value(xpath) {
    return request('GET', `${await this.find(xpath)}/property/value`);
  }

  /**
   * The text in the document. The driver's own notion of shown text leaves out narrow table cells,
   * which a person reads well.
   */
  async text(xpath) {
    const query = { using: 'xpath', value: xpath };
    const { [ELEMENT]: id } = await request('POST', `${this.#session}/element`, query);
    return request('GET', `${this.#session}/element/${id}/property/textContent`);
  }

  async attribute(xpath, name) {
    return request('GET', `${await this.find(xpath)}/attribute/${name}`);
  }

  /** A picture of what is painted. It waits for two frames: WebKit may still hold the last one. */
  async picture(path) {
    const script =
      'const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));';
    await request('POST', `${this.#session}/execute/async`, { script, args: [] });
    const png = await request('GET', `${this.#session}/screenshot`);
    writeFileSync(path, Buffer.from(png, 'base64'));
  }

  /** What a script that only looks at the page answers. */
  run(script, args = []) {
    return request('POST', `${this.#session}/execute/sync`, { script, args });
  }

  rect() {
    return request('GET', `${this.#session}/window/rect`);
  }

  /** Closes the window, which ends the program. */
  async quit() {
    await request('DELETE', `${this.#session}/window`).catch(() => undefined);
    await request('DELETE', this.#session).catch(() => undefined);
  }
}

/** Keys of WebDriver. */
export const ENTER = '\uE007';
