import { chooseFiles } from '$features/imports/choose';
import type { Doing } from '$features/store/store.svelte';
import type { Bindings, Source } from '$lib/commands';
import { locale, m } from '$lib/i18n.svelte';
import { density } from '$lib/state/density.svelte';
import { theme } from '$lib/state/theme.svelte';
import type { SettingsSection } from '$views/settings-sections';
import {
  analysisRoute,
  calibrationRoute,
  profileRoute,
  type PlainView,
  type Router,
} from './router.svelte';
import type { Session } from './session.svelte';

/** What the frame itself opens. */
export interface Openings {
  palette: () => void;
  shortcuts: () => void;
  lastSteps: () => void;
}

/** What the window's own commands do: those that hold in every view. */
export function windowCommands(session: Session, router: Router, open: Openings): Bindings {
  const view = (name: PlainView) => () => router.go({ view: name });
  const settings = (section: SettingsSection) => () => router.go({ view: 'settings', section });
  const folder = (doing: Doing) => ({
    run: () => {
      router.go({ view: 'settings', section: 'data' });
      void session.store.run(doing);
    },
    when: () => session.store.doing === null,
  });
  const toImports = view('imports');
  return {
    'go.profiles': () => router.go(profileRoute(null)),
    'go.conflicts': view('conflicts'),
    'go.imports': toImports,
    'go.uploads': view('uploads'),
    'go.analyses': () => router.go(analysisRoute(null)),
    'go.calibration': () => router.go(calibrationRoute(null)),
    'go.notifications': view('notifications'),
    'go.sync': view('sync'),
    'go.administration': { run: view('administration'), when: () => session.mayAdminister },
    'go.deleted': view('deleted'),
    'go.settings': settings('appearance'),
    'go.data': settings('data'),
    'go.log': settings('log'),
    'go.diagnostics': settings('diagnostics'),
    'go.about': settings('about'),
    'steps.undo': () => void session.steps.undo(),
    'steps.redo': () => void session.steps.redo(),
    'steps.last': open.lastSteps,
    'list.analyse': {
      run: () => session.analyses.begin(session.list.filter),
      when: () => session.mayAnalyse,
    },
    'data.import': () => void chooseFiles(session.imports, 'import', toImports),
    'data.check_files': () => void chooseFiles(session.imports, 'check', toImports),
    'data.sample': {
      run: () => void session.sample.bring(),
      // Once signed in it would be sent to everybody.
      when: () => session.sample.here === 0 && session.sync.status?.state === 'local',
    },
    'data.remove_sample': {
      run: () => void session.removeSample(),
      when: () => session.sample.here > 0,
    },
    'data.sync': {
      run: () => void session.sync.syncNow(),
      when: () => session.sync.status != null && session.sync.status.state !== 'local',
    },
    'data.check': folder('check'),
    'data.backup': folder('backup'),
    'data.compact': folder('compact'),
    'data.open_folder': {
      run: () => void session.store.openFolder(),
      when: () => session.store.hasFileManager,
    },
    'window.palette': {
      run: open.palette,
      // Over another dialog it would hide what that one asks.
      when: () => document.querySelector('dialog[open]') === null,
    },
    'window.shortcuts': open.shortcuts,
    'window.english': { run: () => locale.choose('en'), when: () => locale.current !== 'en' },
    'window.german': { run: () => locale.choose('de'), when: () => locale.current !== 'de' },
    'window.light': { run: () => theme.choose('light'), when: () => theme.current !== 'light' },
    'window.dark': { run: () => theme.choose('dark'), when: () => theme.current !== 'dark' },
    'window.auto': { run: () => theme.choose('auto'), when: () => theme.current !== 'auto' },
    'window.compact': {
      run: () => density.choose('compact'),
      when: () => density.current !== 'compact',
    },
    'window.normal': {
      run: () => density.choose('normal'),
      when: () => density.current !== 'normal',
    },
    'window.relaxed': {
      run: () => density.choose('relaxed'),
      when: () => density.current !== 'relaxed',
    },
  };
}

/** Profiles, for the palette. */
export function profileSource(session: Session, router: Router): Source {
  return {
    key: 'profiles',
    label: m.profiles,
    find: async (words) =>
      (await session.findProfiles(words)).map(({ id, display_name }) => ({
        key: id,
        name: display_name ?? id,
        ...(display_name == null ? {} : { detail: id }),
        run: () => router.go(profileRoute(id)),
      })),
  };
}
