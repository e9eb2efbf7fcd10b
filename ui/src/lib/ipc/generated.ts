// Generated from schemas/commands.schema.json. Do not edit: change crates/protocol and run
// `cargo xtask codegen`.
/* eslint-disable */

/**
 * The closed list of problem codes. The UI maps each to a text and an action in one table; a code
 * is added only when some client acts on it.
 */
export type ProblemCode =
  | 'invalid_request'
  | 'unknown_command'
  | 'not_found'
  | 'invalid_record'
  | 'file_missing'
  | 'not_a_file'
  | 'file_unreadable'
  | 'not_ndjson'
  | 'damaged_archive'
  | 'disk_full'
  | 'store_locked'
  | 'store_too_new'
  | 'store_damaged'
  | 'not_signed_in'
  | 'unauthorized'
  | 'forbidden'
  | 'offline'
  | 'relay_incompatible'
  | 'relay_failed'
  | 'too_large'
  | 'internal';
/**
 * Where an import stands.
 */
export type ImportState = 'queued' | 'running' | 'done' | 'cancelled' | 'failed';
/**
 * One edit of a record.
 */
export type Edit =
  | {
      op: 'set';
      /**
       * JSON pointer of the field.
       */
      pointer: string;
      /**
       * Its new value.
       */
      value: unknown;
    }
  | {
      op: 'unset';
      /**
       * JSON pointer of the field.
       */
      pointer: string;
    }
  | {
      op: 'add';
      /**
       * JSON pointer of the set.
       */
      pointer: string;
      /**
       * The member.
       */
      value: unknown;
    }
  | {
      op: 'remove';
      /**
       * JSON pointer of the set.
       */
      pointer: string;
      /**
       * The tag, or the member's key.
       */
      value: unknown;
    };
/**
 * Whether the relay has what this replica has.
 */
export type ProfileStatus = 'synced' | 'pending' | 'conflict' | 'rejected';
/**
 * How the list is ordered.
 */
export type SortKey = 'id' | 'changed' | 'name' | 'observations';
/**
 * What sort of change a history entry is.
 */
export type HistoryKind = 'genesis' | 'import' | 'edit';
/**
 * What syncing is at.
 */
export type SyncState = 'local' | 'waiting' | 'syncing' | 'up_to_date' | 'offline' | 'problem';
/**
 * An event of the host. Progress comes at most ten times a second for each import.
 */
export type HostEvent =
  | {
      kind: 'import';
      run: ImportRun;
    }
  | {
      kind: 'sync';
      status: SyncStatus;
    }
  | {
      /**
       * Grows with every change of the store in this session.
       */
      generation: number;
      kind: 'profiles_changed';
    }
  | {
      kind: 'files_opened';
      /**
       * Their paths.
       */
      paths: string[];
    }
  | {
      /**
       * Whether they hover now.
       */
      active: boolean;
      kind: 'files_hover';
      /**
       * Their paths, while they hover.
       */
      paths: string[];
    };

export interface Bridge {
  commands: Commands;
  event: HostEvent;
  problem: Problem;
}
export interface Commands {
  about: {
    request: Empty;
    response: About;
  };
  cancel_import: {
    request: RunId;
    response: ImportRun;
  };
  edit_profile: {
    request: EditProfile;
    response: ProfileDetail;
  };
  get_import: {
    request: RunId;
    response: ImportRun;
  };
  get_profile: {
    request: ProfileId;
    response: ProfileDetail;
  };
  import_files: {
    request: ImportFiles;
    response: ImportRun;
  };
  list_profiles: {
    request: ListProfiles;
    response: ProfilePage;
  };
  profile_history: {
    request: ProfileId;
    response: HistoryPage;
  };
  resolve_conflict: {
    request: ResolveConflict;
    response: ProfileDetail;
  };
  sign_in: {
    request: SignIn;
    response: SyncStatus;
  };
  sign_out: {
    request: Empty;
    response: SyncStatus;
  };
  sync_now: {
    request: Empty;
    response: SyncStatus;
  };
  sync_status: {
    request: Empty;
    response: SyncStatus;
  };
  take_opened_files: {
    request: Empty;
    response: OpenedFiles;
  };
}
/**
 * No parameters.
 */
export interface Empty {}
/**
 * Version and place of the data.
 */
export interface About {
  /**
   * The data folder.
   */
  data_dir: string;
  /**
   * The program's version.
   */
  version: string;
}
/**
 * Names an import of this session.
 */
export interface RunId {
  /**
   * The number that `import_files` answered.
   */
  run: number;
}
/**
 * An import of this session.
 */
export interface ImportRun {
  /**
   * Bytes of the current file that were read, as they lie on the disk.
   */
  bytes: number;
  /**
   * Size of the current file.
   */
  bytes_total: number;
  /**
   * Position of the current file in `files`.
   */
  file_index: number;
  /**
   * The files, in order.
   */
  files: string[];
  /**
   * Lines dealt with in the current file.
   */
  lines: number;
  /**
   * Lines a second over the current file so far.
   */
  lines_per_second: number;
  /**
   * Reports of the files that have ended.
   */
  reports: ImportReport[];
  /**
   * Its number.
   */
  run: number;
  /**
   * Seconds left for the current file, once that can be said.
   */
  seconds_left?: number | null;
  state: ImportState;
}
/**
 * What came of one file.
 */
export interface ImportReport {
  counts: ImportCounts;
  /**
   * Why the file could not be read to its end, where that was so.
   */
  failure?: Problem | null;
  /**
   * The file's path.
   */
  file: string;
  /**
   * All problems by kind, most frequent first.
   */
  kinds: ProblemKind[];
  /**
   * The first problems in the order of lines, at most 1,000.
   */
  problems: LineProblem[];
  /**
   * Wall time.
   */
  seconds: number;
}
/**
 * What an import did, in lines.
 */
export interface ImportCounts {
  /**
   * Blank lines.
   */
  blank: number;
  /**
   * Updated profiles in which a person's edit and the file differ: conflicts.
   */
  conflicts: number;
  /**
   * Profiles that were not here before.
   */
  created: number;
  /**
   * Lines whose id came again later in the same file (the later line won).
   */
  duplicates: number;
  /**
   * Lines read, blank ones too.
   */
  lines: number;
  /**
   * Lines refused.
   */
  rejected: number;
  /**
   * Profiles that already were as the line says.
   */
  unchanged: number;
  /**
   * Profiles that existed and changed.
   */
  updated: number;
  /**
   * Lines accepted with a warning (a derived member was ignored).
   */
  warned: number;
}
/**
 * What failed, for which id or file, and what to do. Never holds a record's contents or a token.
 */
export interface Problem {
  code: ProblemCode;
  /**
   * One sentence in English: what failed, for which id or path.
   */
  message: string;
  /**
   * The id, path or pointer that the problem is about.
   */
  subject?: string | null;
}
/**
 * The same kind of problem, counted.
 */
export interface ProblemKind {
  /**
   * How many lines.
   */
  count: number;
  /**
   * The first such line's reason.
   */
  example: string;
  /**
   * The first such line.
   */
  first_line: number;
  /**
   * The place, with array positions as `*`.
   */
  place: string;
  /**
   * The broken rule.
   */
  rule: string;
  /**
   * Whether the lines were accepted all the same.
   */
  warning: boolean;
}
/**
 * A problem with one line.
 */
export interface LineProblem {
  /**
   * The record's id, where it could be read.
   */
  id?: string | null;
  /**
   * The file's line, from 1.
   */
  line: number;
  /**
   * JSON pointer of the member that is wrong; empty for the line as a whole.
   */
  pointer: string;
  /**
   * What was found and what is allowed, in English.
   */
  reason: string;
  /**
   * The broken rule, a stable word: `syntax`, `duplicate_member`, `required`, `format` …
   */
  rule: string;
  /**
   * Whether the line was accepted all the same.
   */
  warning: boolean;
}
/**
 * Edits of one profile, applied together.
 */
export interface EditProfile {
  /**
   * The edits, at most 1,000.
   */
  edits: Edit[];
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * Everything about one profile.
 */
export interface ProfileDetail {
  /**
   * When this store last changed the profile: RFC 3339, UTC.
   */
  changed_at: string;
  /**
   * Fields that wait for a decision.
   */
  conflicts: Conflict[];
  /**
   * SHA-256 of the canonical form, lower-case hex.
   */
  hash: string;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * Whether changes wait for the relay.
   */
  pending: boolean;
  /**
   * The canonical record `user_profile.v1`.
   */
  record: {
    [k: string]: unknown;
  };
  /**
   * Why the relay refused, where it did.
   */
  rejected?: Problem | null;
  /**
   * The relay's revision of the last change that this replica has seen.
   */
  rev?: number | null;
  status: ProfileStatus;
}
/**
 * A field with several values that differ.
 */
export interface Conflict {
  /**
   * The value before the sides parted, where there was one.
   */
  base?: unknown;
  /**
   * JSON pointer of the field.
   */
  pointer: string;
  /**
   * The values; the first is the one that every replica shows meanwhile.
   */
  values: ConflictValue[];
}
/**
 * One of the values that a field in conflict has.
 */
export interface ConflictValue {
  /**
   * When, RFC 3339, where known.
   */
  at?: string | null;
  /**
   * Who set it, where known.
   */
  by?: string | null;
  /**
   * Whether an import set it, rather than a person.
   */
  imported: boolean;
  /**
   * Names this value to `resolve_conflict`.
   */
  key: string;
  /**
   * Whether it was set on this device.
   */
  mine: boolean;
  /**
   * Whether this side removed the field rather than setting it to `null`.
   */
  removed: boolean;
  /**
   * The value; `null` where the other side removed the field (see `removed`).
   */
  value: unknown;
}
/**
 * Names one profile.
 */
export interface ProfileId {
  /**
   * The record's `id`.
   */
  id: string;
}
/**
 * Asks for an import.
 */
export interface ImportFiles {
  /**
   * Files of NDJSON or gzipped NDJSON.
   */
  paths: string[];
}
/**
 * Asks for a page of the list.
 */
export interface ListProfiles {
  /**
   * Whether the order is turned round.
   */
  descending?: boolean;
  /**
   * Terms joined by blanks, all of which must hold: `tag:vip`, `-tag:vip`, `status:conflict`,
   * `id:cdnow-*`, `city=Bern`, `orders>=10`. Empty: everything.
   */
  filter?: string;
  /**
   * How many rows at most; at most 1,000.
   */
  limit?: number;
  /**
   * How many profiles to skip.
   */
  offset?: number;
  /**
   * Words to find in id, name, tags, attributes and notes; the last may be a beginning.
   */
  search?: string;
  sort?: SortKey;
}
/**
 * A page of the list.
 */
export interface ProfilePage {
  /**
   * How many profiles match filter and search.
   */
  matching: number;
  /**
   * How many rows were skipped before these.
   */
  offset: number;
  /**
   * The rows from `offset` on.
   */
  rows: ProfileRow[];
  /**
   * How many profiles the store holds.
   */
  total: number;
}
/**
 * One row of the list.
 */
export interface ProfileRow {
  /**
   * The record's attributes.
   */
  attributes: {
    [k: string]: unknown;
  };
  /**
   * When this store last changed the profile: RFC 3339, UTC.
   */
  changed_at: string;
  /**
   * The record's `display_name`.
   */
  display_name?: string | null;
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * How many observations the record has.
   */
  observations: number;
  status: ProfileStatus;
  /**
   * The record's tags, sorted.
   */
  tags: string[];
}
/**
 * The history of one profile.
 */
export interface HistoryPage {
  /**
   * Newest first.
   */
  entries: HistoryEntry[];
}
/**
 * One change of a profile.
 */
export interface HistoryEntry {
  /**
   * When, RFC 3339; imports carry no time (equal imports are equal changes).
   */
  at?: string | null;
  /**
   * Who made it, where known.
   */
  by?: string | null;
  /**
   * The change's hash, hex.
   */
  change: string;
  /**
   * What it changed.
   */
  fields: FieldChange[];
  /**
   * The file it came from, where this replica imported it.
   */
  file?: string | null;
  kind: HistoryKind;
  /**
   * Whether the relay has it.
   */
  pending: boolean;
}
/**
 * One field's change within a history entry.
 */
export interface FieldChange {
  /**
   * The value after; absent where it was removed.
   */
  after?: unknown;
  /**
   * The value before; absent where there was none.
   */
  before?: unknown;
  /**
   * JSON pointer of the field.
   */
  pointer: string;
}
/**
 * Decides a conflict.
 */
export interface ResolveConflict {
  /**
   * The record's `id`.
   */
  id: string;
  /**
   * The chosen value's `key`.
   */
  key: string;
  /**
   * JSON pointer of the field.
   */
  pointer: string;
}
/**
 * Connects to a relay.
 */
export interface SignIn {
  /**
   * The device's token.
   */
  token: string;
  /**
   * Base address, `http://` or `https://`.
   */
  url: string;
}
/**
 * What the status bar shows.
 */
export interface SyncStatus {
  /**
   * Profiles with conflicts.
   */
  conflicts: number;
  /**
   * Profiles exchanged in the running session so far.
   */
  exchanged: number;
  /**
   * Since when the relay cannot be reached: RFC 3339, UTC.
   */
  offline_since?: string | null;
  /**
   * The organisation's name at the relay.
   */
  organisation?: string | null;
  /**
   * Profiles with changes that the relay does not have.
   */
  pending: number;
  /**
   * What keeps sync from going on.
   */
  problem?: Problem | null;
  /**
   * Profiles in the store.
   */
  profiles: number;
  /**
   * Profiles with changes that the relay refused.
   */
  rejected: number;
  /**
   * The relay's address.
   */
  relay?: string | null;
  /**
   * The relay's revision up to which this replica has everything.
   */
  rev?: number | null;
  state: SyncState;
  /**
   * Last moment at which nothing was left to exchange: RFC 3339, UTC.
   */
  synced_at?: string | null;
}
/**
 * Paths that wait to be imported.
 */
export interface OpenedFiles {
  /**
   * The paths.
   */
  paths: string[];
}
