// A certified OpenID Connect provider (npm `oidc-provider`), with clients and people who sign in by their name alone.
//
//   node provider.js REDIRECT_URI CLIENT_SECRET
//
// Prints {"port"} first. Who signs in is told by a form with the field `login` at the address where a browser is sent for it.
'use strict';

const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const { generateKeyPairSync } = require('node:crypto');

const load = createRequire(path.join(process.env.MODULES, 'of-the-set-up.js'));
const { Provider } = load('oidc-provider');

const [redirect, secret] = process.argv.slice(2);
const GROUPS = { 'sub-hanako': ['zeimu'], 'sub-jiro': ['kokuho', 'others'] };

const key = (type, options, use) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use, kid: `${type}-1`,
});

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: Object.entries({ yobirin: 'RS256', es: 'ES256', ps: 'PS256' }).map(([id, algorithm]) => ({
      client_id: id,
      client_secret: secret,
      redirect_uris: [redirect],
      post_logout_redirect_uris: [redirect.replace(/\/openid\/back$/, '')],
      id_token_signed_response_alg: algorithm,
    })),
    jwks: { keys: [
      { ...key('rsa', { modulusLength: 2048 }, 'sig') },
      { ...key('ec', { namedCurve: 'P-256' }, 'sig') },
    ] },
    cookies: { keys: ['a key of the tests'] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'groups'], profile: ['name', 'preferred_username'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (context) => {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => {
        const name = sub.replace(/^sub-/, '');
        return { sub, name: `${name} さん`, preferred_username: name, groups: GROUPS[sub] || [] };
      },
    }),
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.method !== 'POST' || !request.url.startsWith('/interaction/')) {
      answer(request, response);
      return;
    }
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => {
      const accountId = `sub-${new URLSearchParams(body).get('login')}`;
      provider.interactionFinished(request, response, { login: { accountId } }).catch((error) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    });
  });
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
