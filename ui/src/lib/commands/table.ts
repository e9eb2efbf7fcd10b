// Every command of the window, once: its name, where it is listed, and its keys. The palette, the list
// of shortcuts and the key handling read this table; who is on the screen says what a command does
// (`commands.bind`), and a command that nobody has bound is not offered.
import type { IconName } from '$lib/components/Icon.svelte';
import { m } from '$lib/i18n.svelte';
import type { Keys } from './keys';

export type CommandGroup =
  'go' | 'list' | 'selection' | 'profile' | 'chart' | 'conflict' | 'steps' | 'data' | 'window';

export interface CommandText {
  group: CommandGroup;
  name: () => string;
  icon?: IconName;
  /** Any of these. */
  keys?: Keys[];
  /** Words that people look for it by, beside its name. */
  also?: () => string;
  /** The keys are heard where the focus is, or by who owns them: listed, not handled here. */
  atFocus?: boolean;
  /** The keys mean this in a field too. */
  everywhere?: boolean;
}

/** The groups in the order in which they are listed. */
export const GROUPS: { key: CommandGroup; label: () => string }[] = [
  { key: 'go', label: m.group_go },
  { key: 'list', label: m.group_list },
  { key: 'selection', label: m.group_selection },
  { key: 'profile', label: m.group_profile },
  { key: 'chart', label: m.group_chart },
  { key: 'conflict', label: m.group_conflict },
  { key: 'steps', label: m.group_steps },
  { key: 'data', label: m.group_data },
  { key: 'window', label: m.group_window },
];

const TABLE = {
  'go.profiles': { group: 'go', name: m.profiles, icon: 'profiles', keys: ['g p'] },
  'go.conflicts': { group: 'go', name: m.conflicts_title, icon: 'conflicts', keys: ['g c'] },
  'go.imports': { group: 'go', name: m.imports, icon: 'imports', keys: ['g i'] },
  'go.uploads': { group: 'go', name: m.uploads, icon: 'uploads', keys: ['g u'] },
  'go.analyses': { group: 'go', name: m.analyses, icon: 'analyses', keys: ['g a'] },
  'go.calibration': { group: 'go', name: m.calibration, icon: 'calibration', keys: ['g r'] },
  'go.notifications': { group: 'go', name: m.notifications, icon: 'bell', keys: ['g n'] },
  'go.sync': { group: 'go', name: m.sync, icon: 'sync', keys: ['g s'] },
  'go.administration': { group: 'go', name: m.administration, icon: 'people', keys: ['g m'] },
  'go.deleted': { group: 'go', name: m.deleted_title, icon: 'trash', keys: ['g d'] },
  'go.settings': { group: 'go', name: m.settings, icon: 'settings', keys: ['Mod+,', 'g e'] },
  'go.data': {
    group: 'go',
    name: m.store_title,
    icon: 'store',
    keys: ['g f'],
    also: m.also_data_folder,
  },
  'go.log': { group: 'go', name: m.log_title, icon: 'log', keys: ['g l'] },
  'go.diagnostics': { group: 'go', name: m.diagnostics_title, icon: 'package' },
  'go.about': { group: 'go', name: m.about_title, icon: 'help', also: m.also_about },

  'list.search': { group: 'list', name: m.shortcut_search, icon: 'search', keys: ['/'] },
  'list.next': { group: 'list', name: m.command_next, keys: ['j', 'ArrowDown'] },
  'list.previous': { group: 'list', name: m.command_previous, keys: ['k'] },
  'list.open': { group: 'list', name: m.shortcut_open, keys: ['Enter'], atFocus: true },
  'list.pick': { group: 'list', name: m.shortcut_pick, keys: ['Space'], atFocus: true },
  'list.range': {
    group: 'list',
    name: m.shortcut_range,
    keys: ['Shift+ArrowUp', 'Shift+ArrowDown'],
    atFocus: true,
  },
  'list.pick_all': { group: 'list', name: m.shortcut_pick_all, icon: 'check', keys: ['Mod+a'] },
  'list.cells': {
    group: 'list',
    name: m.shortcut_cells,
    keys: ['ArrowLeft', 'ArrowRight'],
    atFocus: true,
  },
  'list.copy': { group: 'list', name: m.shortcut_copy, keys: ['Mod+c'], atFocus: true },
  'list.menu': { group: 'list', name: m.shortcut_menu, keys: ['Shift+F10'], atFocus: true },
  'list.views': { group: 'list', name: m.shortcut_views, keys: ['v'] },
  'list.facets': { group: 'list', name: m.shortcut_facets, keys: ['f'] },
  'list.clear_filter': { group: 'list', name: m.clear_filter, icon: 'close' },
  'list.export': { group: 'list', name: m.command_export, icon: 'export' },
  'list.analyse': {
    group: 'list',
    name: m.command_analyse,
    icon: 'analyses',
    also: m.also_analyse,
  },
  'list.leave': { group: 'list', name: m.shortcut_close, keys: ['Escape'] },

  'selection.edit': { group: 'selection', name: m.command_bulk, icon: 'filter' },
  'selection.export': { group: 'selection', name: m.command_export_selection, icon: 'export' },
  'selection.delete': { group: 'selection', name: m.command_delete_selection, icon: 'trash' },
  'selection.clear': { group: 'selection', name: m.pick_none, icon: 'close' },

  'profile.edit': { group: 'profile', name: m.shortcut_edit, keys: ['e'] },
  'profile.previous': { group: 'profile', name: m.previous_profile, icon: 'previous', keys: ['['] },
  'profile.next': { group: 'profile', name: m.next_profile, icon: 'next', keys: [']'] },
  'profile.delete': { group: 'profile', name: m.profile_delete, icon: 'trash' },
  'profile.erase': { group: 'profile', name: m.profile_erase, icon: 'trash' },
  'profile.close': { group: 'profile', name: m.close_inspector, icon: 'close' },

  'chart.point': {
    group: 'chart',
    name: m.shortcut_point,
    keys: ['ArrowLeft', 'ArrowRight'],
    atFocus: true,
  },
  'chart.signal': {
    group: 'chart',
    name: m.shortcut_signal,
    keys: ['ArrowUp', 'ArrowDown'],
    atFocus: true,
  },
  'chart.whole': { group: 'chart', name: m.shortcut_whole, keys: ['Escape'], atFocus: true },
  'chart.table': { group: 'chart', name: m.shortcut_table, keys: ['t'], atFocus: true },

  'conflict.choose': {
    group: 'conflict',
    name: m.shortcut_choose,
    keys: ['ArrowLeft', 'ArrowRight'],
    atFocus: true,
  },
  'conflict.field': {
    group: 'conflict',
    name: m.shortcut_field,
    keys: ['ArrowUp', 'ArrowDown'],
    atFocus: true,
  },
  'conflict.edit': { group: 'conflict', name: m.shortcut_by_hand, keys: ['e'], atFocus: true },
  'conflict.apply': { group: 'conflict', name: m.shortcut_apply, keys: ['Enter'], atFocus: true },

  'steps.undo': { group: 'steps', name: m.undo, icon: 'undo', keys: ['Mod+z'] },
  'steps.redo': { group: 'steps', name: m.redo, icon: 'redo', keys: ['Mod+Shift+z', 'Mod+y'] },
  'steps.last': { group: 'steps', name: m.steps_title, icon: 'steps' },

  'data.import': { group: 'data', name: m.command_import, icon: 'imports', also: m.also_import },
  'data.check_files': {
    group: 'data',
    name: m.command_check_files,
    icon: 'check',
    also: m.also_import,
  },
  'data.sample': { group: 'data', name: m.sample_load, icon: 'profiles', also: m.also_sample },
  'data.remove_sample': {
    group: 'data',
    name: m.sample_remove,
    icon: 'trash',
    also: m.also_sample,
  },
  'data.sync': { group: 'data', name: m.sync_now, icon: 'sync' },
  'data.check': { group: 'data', name: m.command_check, icon: 'check' },
  'data.backup': { group: 'data', name: m.command_backup, icon: 'store' },
  'data.compact': { group: 'data', name: m.command_compact, icon: 'store' },
  'data.open_folder': { group: 'data', name: m.data_folder_open, icon: 'folder' },

  'window.palette': {
    group: 'window',
    name: m.palette_title,
    icon: 'search',
    keys: ['Mod+k'],
    everywhere: true,
  },
  'window.shortcuts': { group: 'window', name: m.shortcuts, icon: 'keyboard', keys: ['?'] },
  // One for each workspace, in the switcher's order.
  'window.workspace': {
    group: 'window',
    name: m.shortcut_workspace,
    keys: ['Mod+1–9'],
    atFocus: true,
  },
  'window.english': { group: 'window', name: m.command_english, also: m.language },
  'window.german': { group: 'window', name: m.command_german, also: m.language },
  'window.light': { group: 'window', name: m.command_light, icon: 'light', also: m.theme },
  'window.dark': { group: 'window', name: m.command_dark, icon: 'dark', also: m.theme },
  'window.auto': { group: 'window', name: m.command_auto, icon: 'auto', also: m.theme },
  'window.compact': { group: 'window', name: m.command_rows_compact, also: m.density },
  'window.normal': { group: 'window', name: m.command_rows_normal, also: m.density },
  'window.relaxed': { group: 'window', name: m.command_rows_relaxed, also: m.density },
} satisfies Record<string, CommandText>;

export type CommandId = keyof typeof TABLE;

/** The table in the order in which it is listed. */
export const COMMANDS: [CommandId, CommandText][] = Object.entries(TABLE) as [
  CommandId,
  CommandText,
][];

export const textOf = (id: CommandId): CommandText => TABLE[id];
