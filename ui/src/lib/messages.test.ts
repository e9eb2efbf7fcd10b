import { expect, test } from 'vitest';
import de from '../../messages/de.json';
import en from '../../messages/en.json';

type Variants = { declarations: string[]; match: Record<string, string> }[];
type Messages = Record<string, string | Variants>;

const texts = (message: string | Variants): string[] =>
  typeof message === 'string' ? [message] : message.flatMap(({ match }) => Object.values(match));

const parameters = (message: string | Variants) =>
  [
    ...new Set(
      texts(message)
        .join(' ')
        .match(/\{\w+\}/g),
    ),
  ].sort();

test('both languages say the same things', () => {
  expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
});

test('no text is empty', () => {
  for (const [language, messages] of Object.entries({ en, de } as Record<string, Messages>)) {
    for (const [key, message] of Object.entries(messages)) {
      for (const text of texts(message)) expect(text.trim(), `${language} ${key}`).not.toBe('');
    }
  }
});

test('both languages use the same parameters', () => {
  const german = de as Messages;
  for (const [key, message] of Object.entries(en as Messages)) {
    expect(parameters(german[key] ?? ''), key).toEqual(parameters(message));
  }
});
