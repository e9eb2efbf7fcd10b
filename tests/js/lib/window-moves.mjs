// What a person does in the window, in terms of what they see. English.
import { ENTER, named, saying } from './webdriver.mjs';

const SEARCH = '//input[@aria-label="Search profiles"]';
const row = (id) => `//*[@role="row"][.//span[normalize-space()="${id}"]]`;
const inspector = (id) => `//article[@aria-label="Profile ${id}"]`;

/** Chooses English, whatever the system speaks. */
export const speakEnglish = (window) => window.click('//button[@aria-label="EN English"]');

/** Goes on through the appearances until it is this one: `light` or `dark`. */
export async function appear(window, theme) {
  const button = '//button[starts-with(@aria-label, "Appearance: ")]';
  for (let step = 0; step < 3; step++) {
    if ((await window.attribute(button, 'aria-label')) === `Appearance: ${theme}`) return;
    await window.click(button);
  }
  throw new Error(`there is no appearance \`${theme}\``);
}

/** Waits for the list to show this profile. */
export const listed = (window, id, deadlineMs) => window.find(row(id), deadlineMs);

export async function search(window, words) {
  await window.fill(SEARCH, words);
  await window.type(SEARCH, ENTER);
}

/** Finds a profile and opens it. */
export async function openProfile(window, id) {
  await search(window, id);
  await window.click(row(id));
  await window.find(inspector(id));
}

/** Waits for a profile that something else opened. */
export const openedProfile = (window, id) => window.find(inspector(id));

export async function closeProfile(window, id) {
  await window.click(named('button', 'Close profile'));
  await window.gone(inspector(id));
}

const valueField = (name) => `//input[@aria-label="Value of ${name}"]`;

/** Sets an attribute of the open profile. */
export async function setAttribute(window, name, value) {
  await window.fill(valueField(name), value);
  await window.type(valueField(name), ENTER);
}

export const attributeValue = (window, name) => window.value(valueField(name));

/** Waits until the open profile says this of its state, such as `Pending`. */
export const stateOf = (window, id, words) => window.find(`${inspector(id)}${saying(words)}`);

export const goTo = (window, place) => window.click(named('nav//a', place));
