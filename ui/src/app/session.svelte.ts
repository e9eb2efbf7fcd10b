import { Analyses } from '$features/analyses/analyses.svelte';
import { Calibrations } from '$features/behavior/calibrations.svelte';
import { ConflictList } from '$features/conflicts/conflicts.svelte';
import { Deleted } from '$features/deleted/deleted.svelte';
import { hasEnded, Imports } from '$features/imports/imports.svelte';
import { Past } from '$features/imports/past.svelte';
import { MergedIds, Merging } from '$features/merging/merging.svelte';
import { Notifications } from '$features/notifications/notifications.svelte';
import { Notices } from '$features/notices/notices.svelte';
import { Completion } from '$features/profiles/completion.svelte';
import { scoreNames } from '$features/profiles/score-names.svelte';
import { AttributeCatalog } from '$features/profiles/attribute-catalog.svelte';
import { Copies } from '$features/profiles/copies.svelte';
import { Facets } from '$features/profiles/facets.svelte';
import { OpenProfile } from '$features/profiles/open-profile.svelte';
import { Elsewhere } from '$features/profiles/presence.svelte';
import { ProfileList } from '$features/profiles/profile-list.svelte';
import { SavedViews } from '$features/profiles/saved-views.svelte';
import { Bundle } from '$features/settings/diagnostics.svelte';
import { Log } from '$features/settings/log.svelte';
import { SecurityState } from '$features/settings/security.svelte';
import { Sample } from '$features/start/sample.svelte';
import { Steps } from '$features/steps/steps.svelte';
import { DataFolder } from '$features/store/store.svelte';
import { Rejected } from '$features/sync/rejected.svelte';
import { Sync } from '$features/sync/sync.svelte';
import { RelayFiles } from '$features/uploads/relay-files.svelte';
import { Uploads } from '$features/uploads/uploads.svelte';
import { areRecords } from '$features/uploads/words';
import { Closed } from '$features/workspaces/closed.svelte';
import { WorkspaceList } from '$features/workspaces/workspaces.svelte';
import { fileName } from '$lib/format';
import type { HostEvent, Ipc, Problem, ProfileRow } from '$lib/ipc';

/** Profiles that the palette offers: as many as one reads before typing another letter. */
const FOUND_MAX = 8;

/** Nothing of the workspace before may stay, in no controller and no address: the page begins again. */
function loadAnew(): void {
  history.replaceState(null, '', location.pathname + location.search);
  location.reload();
}

/** Where links of other programs lead. */
export interface LinkTargets {
  profile: (id: string) => void;
  result: (id: string) => void;
}

/** One window's controllers, and the one place that hands them what the host tells. */
export class Session {
  readonly list: ProfileList;
  readonly views: SavedViews;
  readonly catalog: AttributeCatalog;
  readonly facets: Facets;
  readonly completion: Completion;
  readonly copies: Copies;
  readonly elsewhere: Elsewhere;
  readonly imports: Imports;
  readonly uploads: Uploads;
  readonly files: RelayFiles;
  readonly analyses: Analyses;
  readonly calibrations: Calibrations;
  readonly notifications: Notifications;
  readonly sync: Sync;
  readonly rejected: Rejected;
  readonly deleted: Deleted;
  readonly conflicts: ConflictList;
  readonly steps: Steps;
  readonly past: Past;
  readonly store: DataFolder;
  readonly sample: Sample;
  readonly log: Log;
  readonly bundle: Bundle;
  readonly workspaces: WorkspaceList;
  readonly notices: Notices;
  readonly security: SecurityState;
  readonly closed: Closed;
  profile = $state.raw<OpenProfile | null>(null);
  /** A profile that was merged, and the one that was opened in its place. */
  merged = $state.raw<{ id: string; into: string } | null>(null);
  /** Why a link of another program leads nowhere. */
  linkProblem = $state.raw<Problem | null>(null);

  /** Two profiles that are to become one, while somebody looks at both. */
  merging = $state.raw<Merging | null>(null);
  readonly mergedIds: MergedIds;

  readonly #ipc: Ipc;
  #asItWas: string | null = null;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
    this.list = new ProfileList(ipc);
    this.views = new SavedViews(ipc, this.list);
    this.catalog = new AttributeCatalog(ipc);
    this.facets = new Facets(ipc, this.list, this.catalog);
    this.completion = new Completion(ipc, this.list, this.catalog);
    this.copies = new Copies(ipc, this.list);
    this.elsewhere = new Elsewhere(ipc);
    this.imports = new Imports(ipc);
    this.uploads = new Uploads(ipc);
    this.files = new RelayFiles(ipc);
    this.analyses = new Analyses(ipc);
    this.calibrations = new Calibrations(ipc);
    this.notifications = new Notifications(ipc);
    this.sync = new Sync(ipc);
    this.rejected = new Rejected(ipc);
    this.deleted = new Deleted(ipc);
    this.conflicts = new ConflictList(ipc);
    this.steps = new Steps(ipc);
    this.mergedIds = new MergedIds(ipc);
    this.past = new Past(ipc);
    this.store = new DataFolder(ipc);
    this.sample = new Sample(ipc);
    this.log = new Log(ipc);
    this.bundle = new Bundle(ipc);
    this.workspaces = new WorkspaceList(ipc);
    this.notices = new Notices(ipc);
    this.security = new SecurityState(ipc);
    this.closed = new Closed(ipc);
  }

  /** Whether this person's token is an administrator's. */
  get mayAdminister(): boolean {
    return this.sync.status?.role === 'admin';
  }

  /**
   * Starts to listen; `onImport` is called when something starts an import from outside, `go` when a
   * link names something.
   */
  start(onImport: () => void, go: LinkTargets): () => void {
    const stop = this.#ipc.listen(
      (event) => this.#take(event, onImport, go),
      () => this.#catchUp(),
    );
    void this.views.load();
    void scoreNames.load(this.#ipc);
    void this.list.apply();
    // What files are for depends on whether there is a relay.
    void this.sync.load().then(() => this.takeFiles(onImport));
    void this.uploads.load();
    void this.analyses.load();
    void this.notifications.load();
    void this.sample.load();
    void this.#takeLink(go);
    return stop;
  }

  /** The next look at this profile is at what it was, where it was merged. */
  showAsItWas(id: string): void {
    this.#asItWas = id;
  }

  /** A merging that is told of may have been taken back. */
  async #checkMerged(): Promise<void> {
    const told = this.merged;
    if (told === null) return;
    const found = new MergedIds(this.#ipc);
    await found.load([told.id]);
    if (this.merged === told && !found.into.has(told.id)) this.merged = null;
  }

  /** Two profiles that are perhaps one are put side by side. */
  beginMerging(ids: readonly [string, string]): void {
    this.merging = new Merging(this.#ipc, ids);
  }

  /** Shows a profile in the inspector, or none. */
  open(id: string | null): void {
    if (this.profile?.id === id) return;
    const asItWas = id !== null && id === this.#asItWas;
    this.profile = id === null ? null : new OpenProfile(this.#ipc, id, asItWas);
    void this.profile?.load();
    void this.elsewhere.show(id);
  }

  #take(event: HostEvent, onImport: () => void, go: LinkTargets): void {
    this.notices.take(event);
    switch (event.kind) {
      case 'import':
        this.imports.take(event.run);
        if (hasEnded(event.run)) void this.sample.importEnded();
        break;
      case 'upload':
        this.uploads.take(event.upload);
        break;
      case 'calibration':
        this.calibrations.take(event.run);
        break;
      case 'calibrated':
        this.calibrations.changed();
        void scoreNames.load(this.#ipc);
        this.list.refresh();
        void this.profile?.loadBehaviour();
        break;
      case 'analysis':
        this.analyses.take(event.analysis);
        break;
      case 'analysis_gone':
        this.analyses.gone(event.id, event.now ?? null);
        break;
      case 'notified':
        this.notifications.take(event);
        break;
      case 'download':
        this.files.take(event.run);
        break;
      case 'export':
        this.steps.take(event.run);
        break;
      case 'watched':
        this.past.folders = event.folders;
        break;
      case 'sync':
        this.sync.take(event.status);
        break;
      case 'presence':
        this.elsewhere.take(event.presence);
        break;
      case 'profiles_changed':
        this.list.refresh();
        this.facets.storeChanged();
        this.deleted.refresh();
        this.conflicts.refresh();
        this.steps.storeChanged();
        this.sample.storeChanged();
        this.mergedIds.refresh();
        void this.#checkMerged();
        void this.profile?.refresh();
        break;
      case 'files_hover':
        this.imports.hover = event.active
          ? { names: event.paths.map(fileName), count: event.paths.length }
          : null;
        break;
      case 'files_opened':
        this.imports.hover = null;
        // The event only says that there are some: whoever takes them first imports them, once.
        void this.takeFiles(onImport);
        break;
      case 'link_opened':
        void this.#takeLink(go);
        break;
      case 'rewriting':
        this.security.take(event.done, event.total);
        break;
      case 'workspace_opened':
        loadAnew();
        break;
    }
  }

  /** Whether there is a relay that files could be meant for. */
  get mayUpload(): boolean {
    const { status } = this.sync;
    return status !== null && status.relay !== null && status.role !== 'viewer';
  }

  /** Whether there is a relay that this person may have analyses made by. */
  get mayAnalyse(): boolean {
    return this.mayUpload && this.analyses.supported;
  }

  /** Files that the program was opened with: imports them, or asks what they are for. */
  async takeFiles(onImport: () => void): Promise<void> {
    const { paths, sizes } = await this.imports.opened();
    if (paths.length === 0) return;
    const files = paths.map((path, at) => ({ name: fileName(path), size: sizes?.[at] }));
    if (this.mayUpload && !areRecords(files)) {
      this.uploads.asked = { paths };
      return;
    }
    onImport();
    await this.imports.start(paths);
  }

  /** Files that were dropped in a browser, which names them only to the host. */
  async takeDropped(files: File[], onImport: () => void): Promise<void> {
    if (!this.mayUpload || areRecords(files)) {
      onImport();
      await this.imports.startUploads(files);
      return;
    }
    const paths = await this.imports.hand(files);
    if (paths !== null) this.uploads.asked = { paths };
  }

  /** Profiles by the beginning of their id, or by words, for going to them. */
  async findProfiles(words: string): Promise<ProfileRow[]> {
    if (words === '') return [];
    const page = { sort: 'id' as const, descending: false, offset: 0, limit: FOUND_MAX };
    const id = words.replaceAll(/[\\"*]/g, '\\$&');
    const asked = [
      this.#ipc.call('list_profiles', { ...page, filter: `id:"${id}*"`, search: '' }),
      this.#ipc.call('list_profiles', { ...page, filter: '', search: words }),
    ];
    const rows = (await Promise.all(asked)).flatMap((answer) => answer.rows);
    const first = new Map(rows.map((row) => [row.id, row]));
    return [...first.values()].slice(0, FOUND_MAX);
  }

  /** Removes the sample data; where it was edited it asks first, and then is `sure`. */
  async removeSample(sure = false): Promise<void> {
    const done = await (sure ? this.sample.removeEdited() : this.sample.remove());
    if (done !== null) this.steps.tellImport(done);
    else if (this.sample.problem !== null) this.steps.tellProblem(this.sample.problem);
  }

  /** Follows a link that the program was opened with: whoever takes it first does, once. */
  async #takeLink(go: LinkTargets): Promise<void> {
    // Without an answer there is no link; what keeps the host from answering is told elsewhere.
    const link = await this.#ipc.call('take_opened_link', {}).catch(() => null);
    if (link?.problem != null) this.linkProblem = link.problem;
    if (link?.profile != null) go.profile(link.profile);
    if (link?.result != null) go.result(link.result);
  }

  /** Events may have been lost: asks for what they would have told. */
  #catchUp(): void {
    this.list.refresh();
    this.deleted.refresh();
    this.conflicts.refresh();
    void this.profile?.refresh();
    void this.elsewhere.show(this.profile?.id ?? null);
    void this.sync.load();
    void this.sample.load();
    void this.uploads.load();
    void this.analyses.load();
    void this.analyses.open?.load();
    this.calibrations.changed();
    void scoreNames.load(this.#ipc);
    void this.notifications.load();
    void this.imports.catchUp();
    void this.steps.catchUp();
  }
}
