// Profiles as Automerge documents, and the storage that says what it has stored.
import { ImmutableString, isImmutableString } from '@automerge/automerge-repo';
import { NodeFSStorageAdapter } from '@automerge/automerge-repo-storage-nodefs';

/** The one member that is merged by character. */
const TEXT = 'notes';

/**
 * A profile as the first content of a document. Its strings are scalars, as the library recommends
 * for speed: a string of its own is a text that merges by character, and each character an operation.
 */
export function toContent(profile) {
  const { [TEXT]: text, ...rest } = profile;
  const content = scalars(rest);
  return text === undefined ? content : { ...content, [TEXT]: text };
}

function scalars(value) {
  if (typeof value === 'string') return new ImmutableString(value);
  if (Array.isArray(value)) return value.map(scalars);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, scalars(part)]));
}

/** The profile in a document, as plain JSON values. */
export function toProfile(value) {
  if (isImmutableString(value)) return value.val;
  if (Array.isArray(value)) return value.map(toProfile);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toProfile(part)]));
}

/**
 * The library's storage in files, which knows the documents that are written: `stored` has their
 * ids, `onStored` is called for each new one. A document made in one change is whole in its first
 * snapshot.
 */
export class CountingStorage extends NodeFSStorageAdapter {
  stored = new Set();
  onStored = () => {};
  #writes = new Set();

  async save(key, bytes) {
    const write = super.save(key, bytes);
    this.#writes.add(write);
    try {
      await write;
    } finally {
      this.#writes.delete(write);
    }
    const [documentId, kind] = key;
    if (kind !== 'snapshot' || this.stored.has(documentId)) return;
    this.stored.add(documentId);
    this.onStored();
  }

  /** Waits for the writes that are under way: a file that is cut off is an empty document. */
  async idle() {
    while (this.#writes.size > 0) await Promise.allSettled(this.#writes);
  }
}
