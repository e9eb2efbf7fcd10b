import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** @tauri-apps stays behind lib/ipc, so that the app runs the same in a browser and in tests. */
const tauri = {
  group: ['@tauri-apps/*'],
  message: 'Only src/lib/ipc talks to Tauri: use the Ipc given to the controller.',
};
const flush = {
  name: 'svelte',
  importNames: ['flushSync'],
  message: 'flushSync breaks mounts under WebKitGTK: await tick() instead.',
};
const layers = {
  lib: {
    group: ['$features/*', '$views/*', '**/app/*', '**/admin/*'],
    message: 'lib is shared: it knows no feature, no view and no page.',
  },
  features: {
    group: ['$views/*', '**/views/*', '**/app/*', '**/admin/*'],
    message: 'Features are used by views, never the other way round.',
  },
  views: {
    group: ['**/app/*', '**/admin/*'],
    message: 'Views are used by the app, never the other way round.',
  },
  admin: {
    group: ['$views/*', '**/app/*', '$lib/ipc', '$lib/ipc/*'],
    message: 'The page of the relay asks the relay, and knows nothing of the window.',
  },
};
const restrict = (...patterns) => ({
  'no-restricted-imports': ['error', { paths: [flush], patterns }],
});

export default ts.config(
  { ignores: ['dist', 'dist-admin', 'src/paraglide', 'project.inlang', 'node_modules'] },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'max-lines': ['error', { max: 600, skipBlankLines: false }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      ...restrict(tauri),
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      // The router writes hashes; there is no SvelteKit whose resolve() could be used.
      'svelte/no-navigation-without-resolve': 'off',
      // Large collections are replaced as a whole ($state.raw); proxies on them would only cost.
      'svelte/prefer-svelte-reactivity': 'off',
    },
  },
  { files: ['src/lib/**'], rules: restrict(tauri, layers.lib) },
  { files: ['src/lib/ipc/**'], rules: restrict(layers.lib) },
  { files: ['src/features/**'], rules: restrict(tauri, layers.features) },
  { files: ['src/views/**'], rules: restrict(tauri, layers.views) },
  { files: ['src/admin/**'], rules: restrict(tauri, layers.admin) },
  { files: ['src/lib/ipc/generated.ts'], rules: { 'max-lines': 'off' } },
  { files: ['scripts/**'], rules: { 'no-console': 'off' } },
);
