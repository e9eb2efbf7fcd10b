// A keychain of a journey's own: a session bus with an unlocked Secret Service on it.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startReady } from './processes.mjs';
import { until } from './wait.mjs';

const run = promisify(execFile);

// In the foreground the daemon stays in the group that is stopped with the session.
const SESSION = `
printf journey | gnome-keyring-daemon --unlock --foreground --components=secrets >/dev/null &
echo "session bus at $DBUS_SESSION_BUS_ADDRESS"
wait`;

/** Starts one that keeps its secrets below `folder`; `env` lets a program find it. */
export async function startKeychain(folder) {
  mkdirSync(folder, { mode: 0o700 });
  const session = await startReady('dbus-run-session', ['--', 'sh', '-c', SESSION], 'session bus at ', {
    env: { HOME: folder, XDG_DATA_HOME: join(folder, 'data'), XDG_RUNTIME_DIR: folder },
  });
  const env = { DBUS_SESSION_BUS_ADDRESS: session.rest, KARTEI_KEYCHAIN: 'on' };
  // Asking for a secret sooner would start another one, which is locked.
  const owner = 'org.freedesktop.DBus.NameHasOwner';
  const ask = ['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/', owner];
  await until('a keychain on the bus', async () => {
    const whole = { env: { ...process.env, ...env } };
    const { stdout } = await run('dbus-send', [...ask, 'string:org.freedesktop.secrets'], whole);
    return stdout.includes('true');
  }).catch(async (error) => {
    await session.stop();
    throw error;
  });
  return { env, stop: session.stop };
}
