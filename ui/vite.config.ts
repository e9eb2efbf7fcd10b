import { fileURLToPath } from 'node:url';
import { paraglideVitePlugin } from '@inlang/paraglide-js';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** The browser bridge of the dev host; it speaks the same commands as the desktop shell. */
const bridge = 'http://127.0.0.1:7420';

const testing = process.env['VITEST'] !== undefined;

// Compiles the messages and again when one changes. Tests have them from `npm run messages`: the
// plugin's watcher would keep the test run from ending.
const messages = testing
  ? null
  : paraglideVitePlugin({
      project: './project.inlang',
      outdir: './src/paraglide',
      strategy: ['globalVariable', 'baseLocale'],
    });

// Two pages are built here: the window, and with `--mode admin` the relay's page for administrators.
export default defineConfig(({ mode }) => ({
  // The desktop shell serves the files from its own scheme, the dev host from a folder, the relay from /admin/.
  base: './',
  plugins: [messages, svelte()],
  resolve: {
    alias: {
      $lib: source('lib'),
      $features: source('features'),
      $views: source('views'),
      $paraglide: source('paraglide'),
    },
    // Without this vitest picks Svelte's server build, which cannot mount.
    ...(testing ? { conditions: ['browser'] } : {}),
  },
  build: {
    target: ['es2022', 'safari16'],
    // Fonts stay files: the shell's content security policy allows no data: addresses for them.
    assetsInlineLimit: 0,
    ...(mode === 'admin'
      ? { outDir: 'dist-admin', rolldownOptions: { input: source('../admin.html') } }
      : {}),
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: { '/ipc': bridge, '/ipc-events': bridge, '/ipc-drop': bridge },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['./src/test-setup.ts'],
    restoreMocks: true,
  },
}));
