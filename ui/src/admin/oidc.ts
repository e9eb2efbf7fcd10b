// Signing in with the relay's provider (OpenID Connect Core 1.0, 3.1.2; RFC 7636 and 9207). What makes a sign-in this page's
// own, its `state`, `nonce` and verifier, stays in this tab; the relay ends it (POST /sign-in/oidc).
import { RelayError } from './relay';

/** What the relay says of its provider. */
export interface OidcWay {
  issuer: string;
  /** Missing while the relay cannot reach it. */
  authorization_endpoint?: string;
  client_id: string;
  scopes: string;
  says_issuer: boolean;
}

/** What the relay makes a token of. */
export interface OidcSignIn {
  code: string;
  code_verifier: string;
  redirect_uri: string;
  nonce: string;
  at_least: 'admin';
}

interface Begun {
  state: string;
  nonce: string;
  verifier: string;
  issuer: string;
  saysIssuer: boolean;
  redirect: string;
  /** Where on the page somebody was. */
  place: string;
}

/** Goes with the first answer, whatever that is, and with the tab. */
const STORED_AS = 'kartei.admin.sign-in';

/** Characters of what a provider says of a failure that are shown. */
const SAID_MAX = 300;

/** The part of an issuer that people know. */
export function issuerName(issuer: string): string {
  try {
    return new URL(issuer).host;
  } catch {
    return issuer;
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Whether this page may: browsers hash for pages alone that came by TLS or from this machine. */
export const canBegin = () => window.isSecureContext;

/** Notes a sign-in, and answers where it begins. */
export async function begin(way: OidcWay, page: URL, place: string): Promise<string> {
  if (way.authorization_endpoint === undefined) throw new RelayError('provider_away', '');
  const begun: Begun = {
    state: random(),
    nonce: random(),
    verifier: random(),
    issuer: way.issuer,
    saysIssuer: way.says_issuer,
    redirect: page.origin + page.pathname,
    place,
  };
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(begun.verifier));
  const address = new URL(way.authorization_endpoint);
  for (const [name, value] of Object.entries({
    response_type: 'code',
    client_id: way.client_id,
    redirect_uri: begun.redirect,
    scope: way.scopes,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  }))
    address.searchParams.set(name, value);
  sessionStorage.setItem(STORED_AS, JSON.stringify(begun));
  return address.href;
}

function takeBegun(): Begun | null {
  const stored = sessionStorage.getItem(STORED_AS);
  sessionStorage.removeItem(STORED_AS);
  return stored === null ? null : (JSON.parse(stored) as Begun);
}

/**
 * What the provider sent a browser back with; null where it did not. The address is plain again afterwards, so that a
 * code is neither in the history nor in what somebody copies.
 */
export function cameBack(): OidcSignIn | null {
  const said = new URLSearchParams(location.search);
  const state = said.get('state');
  const [code, error] = [said.get('code'), said.get('error')];
  if (state === null || (code === null && error === null)) return null;
  const begun = takeBegun();
  history.replaceState(null, '', location.pathname + (begun?.place ?? location.hash));
  if (begun?.state !== state) throw new RelayError('sign_in_other', '');
  const issuer = said.get('iss');
  if (issuer === null ? begun.saysIssuer : issuer !== begun.issuer) {
    throw new RelayError('sign_in_other', '');
  }
  if (error === 'access_denied') throw new RelayError('sign_in_denied', described(said, error));
  if (error !== null || code === null) {
    throw new RelayError('sign_in_said', described(said, error ?? ''));
  }
  return {
    code,
    code_verifier: begun.verifier,
    redirect_uri: begun.redirect,
    nonce: begun.nonce,
    at_least: 'admin',
  };
}

/** The provider's own words, which are text and nothing else. */
function described(said: URLSearchParams, error: string): string {
  const description = said.get('error_description');
  return (description === null ? error : `${description} (${error})`).slice(0, SAID_MAX);
}
