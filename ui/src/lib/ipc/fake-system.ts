import { fakeProblem, type Answers } from './fake';
import type { Security, Workspace } from './generated';

export function fakeWorkspace(change: Partial<Workspace> = {}): Workspace {
  return {
    id: 'home',
    name: null,
    folder: '/data/kartei',
    organisation: 'Example Retail',
    relay: 'https://relay.example',
    current: false,
    home: false,
    ...change,
  };
}

/** As long as a real one. */
export const FAKE_RECOVERY_KEY = `${'0123abcd-'.repeat(8)}0f1e`;

export function fakeSecurity(change: Partial<Security> = {}): Security {
  return {
    token: 'keychain',
    database_chosen: false,
    keychain: 'ready',
    keychain_says: null,
    encrypted: false,
    ...change,
  };
}

/** What surrounds the window, for looking at: `?workspaces=1&token=database&keychain=absent`. */
export function systemAnswers(options: URLSearchParams): Answers {
  const others = [
    fakeWorkspace({
      id: '3f0c8e27',
      name: 'Study Bern',
      folder: '/data/kartei/workspaces/3f0c8e27',
      organisation: 'Universität Bern, Institut für Psychologie',
      relay: 'https://kartei.psy.unibe.example',
    }),
    fakeWorkspace({
      id: '9d4b6a83',
      name: 'Sandbox',
      folder: '/data/kartei/workspaces/9d4b6a83',
      organisation: null,
      relay: null,
    }),
  ];
  const home = fakeWorkspace({ current: true, home: true });
  let all = options.get('workspaces') === '1' ? [home] : [home, ...others];
  const answer = () => ({ workspaces: all });
  const absent = options.get('keychain') === 'absent';
  let security = fakeSecurity(
    absent
      ? {
          token: 'database',
          keychain: 'absent',
          keychain_says: 'no keychain answers: this session has no message bus',
        }
      : { token: options.get('token') === 'database' ? 'database' : 'keychain' },
  );
  return {
    take_opened_link: () =>
      options.has('link')
        ? { profile: null, problem: fakeProblem('invalid_request', 'the link names no profile') }
        : { profile: null, problem: null },
    show_notice: () => ({ shown: false }),
    security: () => security,
    keep_token: ({ in_keychain }) =>
      (security = fakeSecurity({ token: in_keychain ? 'keychain' : 'database' })),
    recovery_key: () => ({ key: FAKE_RECOVERY_KEY }),
    save_recovery_key: () => ({ path: '/data/kartei-recovery-key.txt', bytes: 231 }),
    encrypt_store: ({ encrypted }) => (security = { ...security, encrypted }),
    unlock_store: () => Promise.reject(fakeProblem('wrong_key', 'the key does not open it')),
    list_workspaces: answer,
    open_workspace: () =>
      Promise.reject(
        fakeProblem('blocked', 'an import is running here; wait for its end or stop it first'),
      ),
    add_workspace: () => Promise.reject(fakeProblem('unauthorized', 'the relay does not know it')),
    rename_workspace: ({ id, name }) => {
      all = all.map((one) => (one.id === id ? { ...one, name } : one));
      return answer();
    },
    remove_workspace: ({ id, even_unsent }) => {
      if (id === '9d4b6a83' && !even_unsent) {
        const message = '26370 profiles have changes that no relay has';
        return Promise.reject({ ...fakeProblem('blocked', message), subject: '26370' });
      }
      all = all.filter((one) => one.id !== id);
      return answer();
    },
  };
}
