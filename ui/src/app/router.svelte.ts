// Every view has an address behind the hash, so that it can be linked, gone back to and tested.

import { SECTIONS, type SettingsSection } from '$views/settings-sections';

export type Route =
  | {
      view: 'profiles';
      id: string | null;
      filter: string | null;
      /** The id of a saved view. */
      saved?: string;
    }
  | { view: 'settings'; section: SettingsSection }
  | {
      view: 'analyses';
      /** One of them, or the result of one. */
      id: string | null;
    }
  | {
      view: 'calibration';
      /** The version of one of them. */
      version: string | null;
    }
  | { view: PlainView };

/** Views that show one thing, so that their name is their address. */
const PLAIN_VIEWS = [
  'conflicts',
  'imports',
  'uploads',
  'notifications',
  'sync',
  'administration',
  'deleted',
] as const;
export type PlainView = (typeof PLAIN_VIEWS)[number];

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [view, id] = path.split('/');
  const plain = PLAIN_VIEWS.find((one) => one === view);
  if (plain !== undefined) return { view: plain };
  if (view === 'analyses') return analysisRoute(id ? decoded(id) : null);
  if (view === 'calibration') return calibrationRoute(id ? decoded(id) : null);
  // Where the data folder was in versions before; links to it may be kept.
  if (view === 'store') return { view: 'settings', section: 'data' };
  if (view === 'settings') {
    return { view, section: SECTIONS.find((one) => one === id) ?? SECTIONS[0] };
  }
  const asked = new URLSearchParams(query);
  const saved = asked.get('view');
  return {
    view: 'profiles',
    id: id ? decoded(id) : null,
    filter: asked.get('filter'),
    ...(saved === null ? {} : { saved }),
  };
}

/** An address typed by hand may hold a stray per cent sign; it then simply names nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function routeHref(route: Route): string {
  if (route.view === 'settings') return `#/settings/${route.section}`;
  if (route.view === 'analyses') {
    return route.id === null ? '#/analyses' : `#/analyses/${encodeURIComponent(route.id)}`;
  }
  if (route.view === 'calibration') {
    return route.version === null ? '#/calibration' : `#/calibration/${route.version}`;
  }
  if (route.view !== 'profiles') return `#/${route.view}`;
  const path = route.id === null ? '#/profiles' : `#/profiles/${encodeURIComponent(route.id)}`;
  const asked = { view: route.saved, filter: route.filter };
  const query = Object.entries(asked).flatMap(([name, value]) =>
    value == null ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

export const analysisRoute = (id: string | null): Route => ({ view: 'analyses', id });

export const calibrationRoute = (version: string | null): Route => ({
  view: 'calibration',
  version,
});

export const profileRoute = (id: string | null, saved: string | null = null): Route => ({
  view: 'profiles',
  id,
  filter: null,
  ...(saved === null ? {} : { saved }),
});

export class Router {
  #route = $state.raw<Route>(parseRoute(location.hash));

  get current(): Route {
    return this.#route;
  }

  /** Follows the address until the returned function is called. */
  start(): () => void {
    const follow = () => (this.#route = parseRoute(location.hash));
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }

  go(route: Route): void {
    history.pushState(null, '', routeHref(route));
    this.#route = route;
  }

  /** Goes without leaving the address before in the history: moving through a list. */
  replace(route: Route): void {
    history.replaceState(null, '', routeHref(route));
    this.#route = route;
  }
}
