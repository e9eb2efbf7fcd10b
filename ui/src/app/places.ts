import type { IconName } from '$lib/components/Icon.svelte';
import { textOf, type CommandId } from '$lib/commands';
import { analysisRoute, calibrationRoute, profileRoute, type Route } from './router.svelte';

/** A place of the rail: the view, and the command that goes there and names it. */
export interface Place {
  command: CommandId;
  route: Route;
  /** Only where this person administers the organisation. */
  forAdmins?: boolean;
}

/** The rail in groups: what one works with, then what one looks after. */
export const UPPER: Place[][] = [
  [
    { command: 'go.profiles', route: profileRoute(null) },
    { command: 'go.conflicts', route: { view: 'conflicts' } },
  ],
  [
    { command: 'go.imports', route: { view: 'imports' } },
    { command: 'go.uploads', route: { view: 'uploads' } },
  ],
  [
    { command: 'go.analyses', route: analysisRoute(null) },
    { command: 'go.calibration', route: calibrationRoute(null) },
  ],
];
export const LOWER: Place[][] = [
  [
    { command: 'go.notifications', route: { view: 'notifications' } },
    { command: 'go.sync', route: { view: 'sync' } },
    { command: 'go.administration', route: { view: 'administration' }, forAdmins: true },
  ],
  [
    { command: 'go.deleted', route: { view: 'deleted' } },
    { command: 'go.settings', route: { view: 'settings', section: 'appearance' } },
  ],
];

const PLACES = [...UPPER, ...LOWER].flat();

/** What a view is called: in the rail, and in the window's title. */
export function placeName({ view }: Route): string {
  const place = PLACES.find(({ route }) => route.view === view);
  return place === undefined ? '' : textOf(place.command).name();
}

export const placeIcon = (place: Place): IconName => textOf(place.command).icon ?? 'menu';
