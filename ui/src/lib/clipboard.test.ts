import { afterEach, expect, test, vi } from 'vitest';
import { copyText } from './clipboard';

afterEach(() => vi.unstubAllGlobals());

/** A clipboard that keeps what it is promised. */
function clipboard() {
  const promised: Promise<Blob>[] = [];
  const written: string[] = [];
  vi.stubGlobal(
    'ClipboardItem',
    class {
      constructor(items: Record<string, Promise<Blob>>) {
        promised.push(items['text/plain']!);
      }
    },
  );
  vi.stubGlobal('navigator', {
    clipboard: {
      write: () => promised[0]!.then(() => undefined),
      writeText: (text: string) => Promise.resolve(void written.push(text)),
    },
  });
  return { promised, written };
}

test('a text that is still to come is promised at once', async () => {
  const { promised, written } = clipboard();
  let come = (_: string) => {};
  const text = new Promise<string>((resolve) => (come = resolve));
  const copied = copyText(text);
  expect(promised).toHaveLength(1);
  come('all of it');
  expect(await copied).toBe(true);
  expect((await promised[0]!).size).toBe('all of it'.length);
  expect(written).toEqual([]);
});

test('where nothing can be promised, the text is written when it is there', async () => {
  const { written } = clipboard();
  vi.stubGlobal('ClipboardItem', undefined);
  expect(await copyText(Promise.resolve('later'))).toBe(true);
  expect(written).toEqual(['later']);
});

test('why a text did not come is thrown', async () => {
  clipboard();
  await expect(copyText(Promise.reject(new Error('gone')))).rejects.toThrow('gone');
});
