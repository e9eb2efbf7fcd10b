import type { Commands, HostEvent } from './generated';

export type CommandName = keyof Commands;
export type RequestOf<N extends CommandName> = Commands[N]['request'];
export type ResponseOf<N extends CommandName> = Commands[N]['response'];

/**
 * How files reach the host. The desktop shell has paths and takes drops itself; a browser has only
 * contents, which have to be handed to the host before it can name them.
 */
export type FileSource =
  | {
      kind: 'paths';
      pick(filterName: string): Promise<string[]>;
      pickFolder(): Promise<string | null>;
    }
  | { kind: 'uploads'; upload(file: File): Promise<string> };

/** What a host must be able to do; how it does it is nobody else's concern. */
export interface Transport {
  readonly files: FileSource;
  /** Answers the command's response or rejects, if possible with a `Problem`. */
  call(name: CommandName, request: unknown): Promise<unknown>;
  /**
   * Hands every event to `onEvent` until the returned function is called. `onGap` says that events
   * may have been lost (a broken connection), so that what they would have told must be asked for.
   */
  listen(onEvent: (event: HostEvent) => void, onGap: () => void): () => void;
}
