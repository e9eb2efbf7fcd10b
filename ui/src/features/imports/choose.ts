import { m } from '$lib/i18n.svelte';
import type { Imports, Manner } from './imports.svelte';

const ENDINGS = '.ndjson,.jsonl,.gz,.zst';

/** Asks for files, as the button does, for a command that has no button. */
export async function chooseFiles(
  imports: Imports,
  manner: Manner,
  onStarted: () => void,
): Promise<void> {
  const source = imports.files;
  if (source.kind === 'paths') {
    if (await imports.start(await source.pick(m.file_kind()), manner)) onStarted();
    return;
  }
  const field = document.createElement('input');
  field.type = 'file';
  field.accept = ENDINGS;
  field.multiple = true;
  field.addEventListener('change', () => {
    void imports.startUploads([...(field.files ?? [])], manner).then((started) => {
      if (started) onStarted();
    });
  });
  field.click();
}
