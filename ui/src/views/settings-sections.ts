/** The pages of the settings, in their order; each name is a part of its address. */
export const SECTIONS = ['appearance', 'data', 'log', 'diagnostics', 'about'] as const;
export type SettingsSection = (typeof SECTIONS)[number];
