import {
  problemOf,
  type BehaviorVectors,
  type Decision,
  type Deletion,
  type Edit,
  type HistoryEntry,
  type Ipc,
  type Problem,
  type ProfileDetail,
  type RelayFile,
} from '$lib/ipc';
import { Observations } from './observed.svelte';
import { asRecord, withEdits } from './record';

/** An edit that the host has not answered yet. */
interface Waiting {
  edits: Edit[];
}

/** A profile as it was after a change, beside what it is now or was after another. */
export interface Version {
  entry: HistoryEntry;
  record: Record<string, unknown>;
  against: { entry: HistoryEntry; isNow: boolean; record: Record<string, unknown> };
}

/**
 * One profile in the inspector. Edits show at once and are sent one after another; what the host
 * answers then takes their place. An edit that fails disappears from the record, and its problem
 * stays at the field, whose editor keeps what the person wrote.
 */
export class OpenProfile {
  readonly id: string;
  /** Whether a profile that was merged into another one is looked at as it was, not as that one. */
  readonly asItWas: boolean;
  readonly observations: Observations;
  detail = $state.raw<ProfileDetail | null>(null);
  /** Who deleted the profile and when, where it is deleted; `detail` is then what it was. */
  deletion = $state.raw<Deletion | null>(null);
  /** Why the profile could not be fetched. */
  problem = $state.raw<Problem | null>(null);
  /** Where it stands by the active calibrations. */
  behaviour = $state.raw<BehaviorVectors | null>(null);
  behaviourProblem = $state.raw<Problem | null>(null);
  history = $state.raw<HistoryEntry[] | null>(null);
  historyProblem = $state.raw<Problem | null>(null);
  /** Files at the relay that are attached to it, as far as the relay has answered. */
  files = $state.raw<RelayFile[]>([]);
  /** Why a file is not downloaded. */
  fileProblem = $state.raw<Problem | null>(null);
  /** An earlier state that is looked at. */
  version = $state.raw<Version | null>(null);
  /** The entry of the history that another is to be compared with. */
  compared = $state.raw<HistoryEntry | null>(null);
  /** Problems of edits and decisions, by field. */
  fieldProblems = $state.raw<Readonly<Record<string, Problem>>>({});

  readonly #ipc: Ipc;
  #waiting = $state.raw<Waiting[]>([]);
  #queue: Promise<unknown> = Promise.resolve();
  #asked = 0;
  #historyAsked = 0;
  #behaviourAsked = 0;
  #versionAsked = 0;
  #refreshing = false;
  #refreshAgain = false;

  /** The record with the edits that are still on their way. */
  readonly record = $derived.by(() => {
    if (this.detail === null) return asRecord({});
    const edits = this.#waiting.flatMap((waiting) => waiting.edits);
    return asRecord(withEdits(this.detail.record, edits));
  });

  /** The record as the host answered it last. */
  readonly stored = $derived(asRecord(this.detail?.record ?? {}));

  /** The profile that this one was merged into, which is to be shown in its place. */
  readonly into = $derived.by(() => (this.detail?.asked === this.id ? this.detail.id : null));

  constructor(ipc: Ipc, id: string, asItWas = false) {
    this.#ipc = ipc;
    this.id = id;
    this.asItWas = asItWas;
    this.observations = new Observations(ipc, id);
  }

  /** Asks the relay for the files. Without one, or without an answer, there are none to show. */
  async loadFiles(): Promise<void> {
    const asked = this.#ipc.call('list_files', { profile: this.id });
    this.files = await asked.then(({ files }) => files).catch(() => []);
  }

  /** Starts a download; how far it is, is told where uploads and files are. */
  async download(id: string): Promise<void> {
    try {
      await this.#ipc.call('download_file', { id });
      this.fileProblem = null;
    } catch (thrown) {
      this.fileProblem = problemOf(thrown);
    }
  }

  /** Shows the profile as it was after a change, beside what it is now or was after another. */
  async view(entry: HistoryEntry, against?: HistoryEntry): Promise<void> {
    const asked = (this.#versionAsked += 1);
    const newest = this.history?.[0] ?? entry;
    const other = against ?? newest;
    const at = ({ change }: HistoryEntry) =>
      this.#ipc.call('profile_at', { id: this.id, change }).then(({ record }) => record);
    try {
      const [record, beside] = await Promise.all([at(entry), at(other)]);
      if (asked !== this.#versionAsked) return;
      const isNow = other.change === newest.change;
      this.version = { entry, record, against: { entry: other, isNow, record: beside } };
      this.compared = null;
      this.historyProblem = null;
    } catch (thrown) {
      if (asked === this.#versionAsked) this.historyProblem = problemOf(thrown);
    }
  }

  leaveVersion(): void {
    this.#versionAsked += 1;
    this.version = null;
  }

  /** Gives the profile back the content that it had after a change, as a change of its own. */
  async restore(change: string): Promise<boolean> {
    const sent = this.#queue.then(async () => {
      try {
        const detail = await this.#ipc.call('restore_profile', { id: this.id, change });
        this.#asked += 1;
        this.detail = detail;
        this.deletion = null;
        this.problem = null;
        this.historyProblem = null;
        this.leaveVersion();
        await this.loadHistory();
        return true;
      } catch (thrown) {
        this.historyProblem = problemOf(thrown);
        return false;
      }
    });
    this.#queue = sent;
    return sent;
  }

  async load(): Promise<void> {
    const asked = (this.#asked += 1);
    if (this.asItWas) {
      const deletion = await this.#deletion();
      if (asked !== this.#asked) return;
      // It may have come back meanwhile.
      if (deletion !== null) {
        this.deletion = deletion;
        this.problem = null;
        return;
      }
    }
    try {
      const detail = await this.#ipc.call('get_profile', { id: this.id });
      if (asked !== this.#asked) return;
      this.detail = detail;
      this.deletion = null;
      this.problem = null;
    } catch (thrown) {
      const problem = problemOf(thrown);
      const deletion = problem.code === 'not_found' ? await this.#deletion() : null;
      if (asked !== this.#asked) return;
      this.deletion = deletion;
      this.problem = deletion === null ? problem : null;
    }
  }

  /** Who deleted the profile; null where it was never here. */
  async #deletion(): Promise<Deletion | null> {
    try {
      return await this.#ipc.call('get_deleted', { id: this.id });
    } catch {
      // That there is no such profile is told by the problem that led here.
      return null;
    }
  }

  /** Brings a deleted profile back as it was. */
  async revive(): Promise<boolean> {
    await this.loadHistory();
    const newest = this.history?.[0];
    if (newest === undefined) {
      this.problem = this.historyProblem;
      return false;
    }
    const revived = await this.restore(newest.change);
    if (!revived) this.problem = this.historyProblem;
    return revived;
  }

  async loadBehaviour(): Promise<void> {
    const asked = (this.#behaviourAsked += 1);
    try {
      const behaviour = await this.#ipc.call('get_behavior', { id: this.id });
      if (asked !== this.#behaviourAsked) return;
      this.behaviour = behaviour;
      this.behaviourProblem = null;
    } catch (thrown) {
      if (asked === this.#behaviourAsked) this.behaviourProblem = problemOf(thrown);
    }
  }

  async loadHistory(): Promise<void> {
    const asked = (this.#historyAsked += 1);
    try {
      const { entries } = await this.#ipc.call('profile_history', { id: this.id });
      if (asked !== this.#historyAsked) return;
      this.history = entries;
      this.historyProblem = null;
    } catch (thrown) {
      if (asked === this.#historyAsked) this.historyProblem = problemOf(thrown);
    }
  }

  /** The store changed, perhaps this profile too. Asks at most once at a time while it does. */
  async refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#refreshAgain = true;
      return;
    }
    this.#refreshing = true;
    do {
      this.#refreshAgain = false;
      await Promise.all([this.load(), this.history === null ? null : this.loadHistory()]);
    } while (this.#refreshAgain);
    this.#refreshing = false;
  }

  /** Sends edits of one field; answers whether the host took them. */
  async edit(field: string, edits: Edit[]): Promise<boolean> {
    const waiting = { edits };
    this.#waiting = [...this.#waiting, waiting];
    this.forget(field);
    const sent = this.#queue.then(() =>
      this.#settle(field, () => this.#ipc.call('edit_profile', { id: this.id, edits }), waiting),
    );
    this.#queue = sent;
    return sent;
  }

  /** Decides a conflict for one of its values. */
  async resolve(pointer: string, key: string): Promise<boolean> {
    this.forget(pointer);
    const sent = this.#queue.then(() =>
      this.#settle(pointer, () =>
        this.#ipc.call('resolve_conflict', { id: this.id, pointer, key }),
      ),
    );
    this.#queue = sent;
    return sent;
  }

  /** Decides conflicts, all of these or none, as one step. Answers why not, where it could not. */
  async decide(decisions: Decision[]): Promise<Problem | null> {
    const sent = this.#queue.then(async () => {
      try {
        const detail = await this.#ipc.call('decide_conflicts', { id: this.id, decisions });
        this.#asked += 1;
        this.detail = detail;
        if (this.history !== null) void this.loadHistory();
        return null;
      } catch (thrown) {
        return problemOf(thrown);
      }
    });
    this.#queue = sent;
    return sent;
  }

  /** Takes a field's problem away: the person goes on with it. */
  forget(field: string): void {
    if (!(field in this.fieldProblems)) return;
    this.fieldProblems = Object.fromEntries(
      Object.entries(this.fieldProblems).filter(([name]) => name !== field),
    );
  }

  async #settle(
    field: string,
    call: () => Promise<ProfileDetail>,
    waiting?: Waiting,
  ): Promise<boolean> {
    try {
      const detail = await call();
      // An answer to an older question would show the profile without this edit.
      this.#asked += 1;
      this.detail = detail;
      if (this.history !== null) void this.loadHistory();
      return true;
    } catch (thrown) {
      this.fieldProblems = { ...this.fieldProblems, [field]: problemOf(thrown) };
      return false;
    } finally {
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
    }
  }
}
