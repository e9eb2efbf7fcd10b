import { problemOf, type HostEvent, type Ipc, type Notification, type Problem } from '$lib/ipc';

/** What the person was told. */
export class Notifications {
  /** The newest first. */
  all = $state.raw<Notification[]>([]);
  unread = $state(0);
  /** Whether the relay was heard; without that nothing is known. */
  heard = $state(false);
  loaded = $state(false);
  problem = $state.raw<Problem | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    try {
      this.#put(await this.#ipc.call('list_notifications', {}));
      this.problem = null;
    } catch (thrown) {
      const problem = problemOf(thrown);
      this.#put({ notifications: [], unread: 0, heard: false });
      this.problem = problem.code === 'not_signed_in' ? null : problem;
    }
    this.loaded = true;
  }

  take(event: Extract<HostEvent, { kind: 'notified' }>): void {
    this.unread = event.unread;
    void this.load();
  }

  /** Marks one as read, or all. */
  async read(id?: number): Promise<void> {
    try {
      this.#put(await this.#ipc.call('read_notifications', id === undefined ? {} : { id }));
      this.problem = null;
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  /** Marks what is told of an analysis as read: somebody looks at it. */
  async seen(job: string): Promise<void> {
    const note = this.all.find((one) => one.job === job && !one.read);
    if (note !== undefined) await this.read(note.id);
  }

  #put(told: { notifications: Notification[]; unread: number; heard: boolean }): void {
    this.all = told.notifications;
    this.unread = told.unread;
    this.heard = told.heard;
  }
}
