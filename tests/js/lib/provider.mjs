// A small OpenID Connect provider with one person before its browser: real codes, checked verifiers, tokens signed by RS256.
import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const base64url = (data) => Buffer.from(data).toString('base64url');

/**
 * Starts it on a free port. `person` are the claims of whoever is before the browser, `denies` whether they say no; both may be
 * changed. `options` are what a relay is started with.
 */
export async function startProvider(roles) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'of-today' };
  const codes = new Map();
  const provider = { person: {}, denies: false, redeemed: 0 };

  const json = (answer, status, body) => {
    answer.writeHead(status, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(body));
  };

  function authorize(asked, answer) {
    const place = new URL(asked.get('redirect_uri'));
    if (provider.denies) {
      place.searchParams.set('error', 'access_denied');
      place.searchParams.set('error_description', 'The <b>person</b> said no.');
    } else {
      const code = randomBytes(24).toString('base64url');
      codes.set(code, Object.fromEntries(asked));
      place.searchParams.set('code', code);
    }
    place.searchParams.set('state', asked.get('state'));
    place.searchParams.set('iss', provider.url);
    answer.writeHead(302, { location: place.href });
    answer.end();
  }

  function redeem(form, answer) {
    provider.redeemed += 1;
    const begun = codes.get(form.get('code'));
    codes.delete(form.get('code'));
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    const fits =
      begun?.redirect_uri === form.get('redirect_uri') &&
      begun?.code_challenge === challenge &&
      begun?.code_challenge_method === 'S256';
    if (!fits) return json(answer, 400, { error: 'invalid_grant' });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: provider.url,
      aud: begun.client_id,
      sub: 'person-1',
      iat: now,
      exp: now + 300,
      nonce: begun.nonce,
      ...provider.person,
    };
    const signed = [{ alg: 'RS256', kid: key.kid }, claims].map((part) => base64url(JSON.stringify(part))).join('.');
    const signature = createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url');
    json(answer, 200, { access_token: 'x', token_type: 'Bearer', id_token: `${signed}.${signature}` });
  }

  const server = createServer((request, answer) => {
    const target = new URL(request.url, provider.url);
    if (target.pathname === '/.well-known/openid-configuration') {
      json(answer, 200, {
        issuer: provider.url,
        authorization_endpoint: `${provider.url}/authorize`,
        token_endpoint: `${provider.url}/token`,
        jwks_uri: `${provider.url}/keys`,
        authorization_response_iss_parameter_supported: true,
      });
    } else if (target.pathname === '/keys') {
      json(answer, 200, { keys: [key] });
    } else if (target.pathname === '/authorize') {
      authorize(target.searchParams, answer);
    } else if (target.pathname === '/token') {
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => redeem(new URLSearchParams(body), answer));
    } else {
      json(answer, 404, {});
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  provider.url = `http://127.0.0.1:${server.address().port}`;
  provider.options = [
    ['--oidc-issuer', provider.url],
    ['--oidc-client-id', 'kartei'],
    ['--oidc-organisation', 'Test'],
    ...roles.map((role) => ['--oidc-role', role]),
  ].flat();
  provider.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return provider;
}
